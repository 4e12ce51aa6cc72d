import Testing
@testable import SoukProductRPC
