import Testing
@testable import SoukBrokerRabbitMQ
