import FoundationEssentials
package import SoukIDs

/// What is no longer true of an account: some of its sessions have ended, or it has other roles or another state.
package struct AccountChange: Sendable, Hashable, Codable {
    package let userID: UserID
    /// The sessions concerned.
    package let sessionIDs: [String]
    /// The account's version from now on; nil where it is the same as before.
    package let version: Int?

    package init(userID: UserID, sessionIDs: [String], version: Int? = nil) {
        self.userID = userID
        self.sessionIDs = sessionIDs
        self.version = version
    }
}

extension AccountChange {
    /// As it travels between processes: JSON.
    var message: [UInt8] { (try? JSONEncoder().encode(self)).map { [UInt8]($0) } ?? [] }

    /// nil for anything else than a ``message``.
    init?(message: [UInt8]) {
        guard let change = try? JSONDecoder().decode(Self.self, from: Data(message)) else { return nil }
        self = change
    }
}
