import Testing
@testable import SoukGuards
