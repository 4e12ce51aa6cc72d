import SoukAuthKernel
import SoukCallContext
import SoukIDs
import SoukProto
import SoukRPCRuntime
import Testing

@testable import SoukAuthRPC

@Suite struct MappingTests {
    @Test func usersAndStandingsSurviveTheWire() throws {
        let user = UserSummary(
            id: UserID(), email: "a@b.c", name: "Ann", roles: Set(Role.allCases), isActive: false)
        #expect(try UserSummary(wire: user.wire) == user)
        let session = SessionReference(userID: UserID(), sessionID: "s")
        #expect(try SessionReference(wire: session.wire) == session)
        for standing in SessionStanding.allCases {
            #expect(try SessionStanding(wire: standing.wire) == standing)
        }
    }

    @Test func anUnknownStandingIsNoneAndAnUnknownRoleGivesNoRights() throws {
        #expect(throws: MalformedMessage.self) { try SessionStanding(wire: .UNRECOGNIZED(9)) }
        #expect(throws: MalformedMessage.self) { try SessionStanding(wire: .unspecified) }
        var user = UserSummary(id: UserID(), email: "", name: "", roles: [.admin], isActive: true).wire
        user.roles = [.UNRECOGNIZED(9), .customer]
        #expect(try UserSummary(wire: user).roles == [.customer])
    }
}
