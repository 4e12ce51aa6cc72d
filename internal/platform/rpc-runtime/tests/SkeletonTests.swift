import Testing
@testable import SoukRPCRuntime
