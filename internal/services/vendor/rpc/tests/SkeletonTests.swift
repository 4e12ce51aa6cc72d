import Testing
@testable import SoukVendorRPC
