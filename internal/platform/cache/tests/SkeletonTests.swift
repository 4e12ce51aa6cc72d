import Testing
@testable import SoukCache
