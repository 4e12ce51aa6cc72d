import Logging
import SoukCallContext
import SoukDatabase
import SoukEvents
import SoukEventsRuntime
import SoukTime

/// Who owns an active vendor has the vendor role; who owns a rejected or suspended one has not. The role tells what the vendor
/// service has decided; what a vendor may change is asked of the vendor service itself.
struct VendorStatusConsumer: Sendable {
    let accounts: SQLAccountStore
    let clock: any WallClock
    let audit: AuditLog

    static let events: EventHandlerTable<Self> = [
        .on(VendorStatusChanged.self, isolation: .readCommitted) { consumer, event, _, transaction in
            try await consumer.handle(event, in: transaction)
        }
    ]

    func handle(_ event: VendorStatusChanged, in transaction: any Transaction) async throws {
        guard let change = Self.change(for: event.status) else { return }
        do {
            _ = try await accounts.update(
                event.ownerId, expected: nil, at: clock.now(), in: transaction
            ) { account in
                change.apply(to: &account.user.roles)
                return .none
            }
        } catch AuthError.unknownUser {
            // The account is gone: there is nothing to give a role to.
            transaction.afterCommit { [audit] in
                audit.record("role.no_account", user: event.ownerId, ["vendor_status": event.status])
            }
            return
        }
        let (audit, action) = (audit, change.action)
        transaction.afterCommit {
            audit.record(action, user: event.ownerId, ["role": Role.vendor.rawValue, "by": "vendor service"])
        }
    }

    enum Change {
        case give, take

        func apply(to roles: inout Set<Role>) {
            switch self {
            case .give: roles.insert(.vendor)
            case .take: roles.remove(.vendor)
            }
        }

        var action: String {
            switch self {
            case .give: "role.assigned"
            case .take: "role.removed"
            }
        }
    }

    /// What a vendor's status does to its owner's roles; a status not known here, or pending, does nothing.
    static func change(for status: String) -> Change? {
        switch status {
        case "active": .give
        case "rejected", "suspended": .take
        default: nil
        }
    }
}
