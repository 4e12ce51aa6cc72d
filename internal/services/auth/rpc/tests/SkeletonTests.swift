import Testing
@testable import SoukAuthRPC
