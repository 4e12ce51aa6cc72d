import Testing
@testable import SoukPaymentRPC
