import Testing
@testable import SoukProcess
