import Testing
@testable import SoukEventsRPC
