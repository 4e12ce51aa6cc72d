import Testing
@testable import SoukBrokerKafka
