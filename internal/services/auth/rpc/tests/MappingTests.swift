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
            id: UserID(), email: "a@b.c", isEmailVerified: true, name: "Ann", roles: Set(Role.allCases),
            isActive: false)
        #expect(try UserSummary(wire: user.wire) == user)
        let session = SessionReference(userID: UserID(), sessionID: "s")
        #expect(try SessionReference(wire: session.wire) == session)
        for state in SessionStatus.State.allCases {
            #expect(try SessionStatus.State(wire: state.wire) == state)
        }
    }

    @Test func anUnknownStandingIsNoneAndAnUnknownRoleGivesNoRights() throws {
        #expect(throws: MalformedMessage.self) { try SessionStatus.State(wire: .UNRECOGNIZED(9)) }
        #expect(throws: MalformedMessage.self) { try SessionStatus.State(wire: .unspecified) }
        var user = UserSummary(
            id: UserID(), email: "", isEmailVerified: false, name: "", roles: [.admin], isActive: true
        ).wire
        user.roles = [.UNRECOGNIZED(9), .customer]
        #expect(try UserSummary(wire: user).roles == [.customer])
    }

    /// An auth service of an earlier release doesn't say what the account may do: that is no account without rights.
    @Test func aStatusWithoutAVersionIsNone() throws {
        func entry(
            _ standing: Souk_Auth_V1_SessionStanding, _ version: Int64
        ) -> Souk_Auth_V1_SessionStandingEntry {
            var entry = Souk_Auth_V1_SessionStandingEntry()
            entry.standing = standing
            entry.roles = [.admin]
            entry.version = version
            return entry
        }
        #expect(throws: MalformedMessage.self) { try SessionStatus(wire: entry(.active, 0)) }
        #expect(throws: MalformedMessage.self) { try SessionStatus(wire: entry(.deactivated, 0)) }
        let status = try SessionStatus(wire: entry(.active, 7))
        #expect(status == SessionStatus(.active, roles: [.admin], version: 7))
        #expect(try SessionStatus(wire: entry(.ended, 0)).state == .ended)
    }
}
