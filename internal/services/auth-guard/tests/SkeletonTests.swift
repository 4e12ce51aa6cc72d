import Testing
@testable import SoukAuthGuard
