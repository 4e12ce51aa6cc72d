import SoukAuthKernel
import SoukCallContext
import SoukErrors
import SoukIDs
import SoukProto
import SoukRPCRuntime
import SwiftProtobuf

extension UserSummary {
    init(wire: Souk_Auth_V1_UserSummary) throws(MalformedMessage) {
        self.init(
            id: try UserID(wire.id, field: "id"), email: wire.email, isEmailVerified: wire.emailVerified,
            name: wire.name,
            roles: Set<Role>(wire: wire.roles),
            isActive: wire.active)
    }

    var wire: Souk_Auth_V1_UserSummary {
        .with {
            $0.id = id.description
            $0.email = email
            $0.emailVerified = isEmailVerified
            $0.name = name
            $0.roles = roles.wire
            $0.active = isActive
        }
    }
}

extension Role {
    init?(wire: Souk_Auth_V1_Role) {
        switch wire {
        case .admin: self = .admin
        case .vendor: self = .vendor
        case .customer: self = .customer
        case .unspecified, .UNRECOGNIZED: return nil
        }
    }

    var wire: Souk_Auth_V1_Role {
        switch self {
        case .admin: .admin
        case .vendor: .vendor
        case .customer: .customer
        }
    }
}

extension Set<Role> {
    /// Roles that this version doesn't know give no rights.
    init(wire: [Souk_Auth_V1_Role]) { self.init(wire.lazy.compactMap(Role.init)) }

    /// In the order of their names.
    var wire: [Souk_Auth_V1_Role] { sorted { $0.rawValue < $1.rawValue }.map(\.wire) }
}

extension SessionReference {
    init(wire: Souk_Auth_V1_SessionReference) throws(MalformedMessage) {
        guard (1...256).contains(wire.sessionID.utf8.count) else {
            throw MalformedMessage("session_id")
        }
        self.init(userID: try UserID(wire.userID, field: "user_id"), sessionID: wire.sessionID)
    }

    var wire: Souk_Auth_V1_SessionReference {
        .with {
            $0.userID = userID.description
            $0.sessionID = sessionID
        }
    }
}

extension SessionStatus {
    init(wire: Souk_Auth_V1_SessionStandingEntry) throws(MalformedMessage) {
        let state = try State(wire: wire.standing)
        // An account's versions count from 1: without one it comes from a service that doesn't send roles.
        guard wire.version >= (state == .ended ? 0 : 1) else { throw MalformedMessage("version") }
        self.init(state, roles: Set<Role>(wire: wire.roles), version: Int(wire.version))
    }
}

extension SessionStatus.State {
    init(wire: Souk_Auth_V1_SessionStanding) throws(MalformedMessage) {
        switch wire {
        case .active: self = .active
        case .ended: self = .ended
        case .deactivated: self = .deactivated
        case .unspecified, .UNRECOGNIZED: throw MalformedMessage("standing")
        }
    }

    var wire: Souk_Auth_V1_SessionStanding {
        switch self {
        case .active: .active
        case .ended: .ended
        case .deactivated: .deactivated
        }
    }
}
