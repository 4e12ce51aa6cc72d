import Logging
import SoukIDs

/// Who did what to which account, in the log. Never a password, a token or a hash of one.
struct AuditLog: Sendable {
    let logger: Logger

    func record(
        _ action: String, user: UserID? = nil, by actor: UserID? = nil, client: ClientAddress? = nil,
        _ more: [String: String] = [:]
    ) {
        var metadata: Logger.Metadata = ["audit": "\(action)"]
        metadata["user_id"] = user.map { "\($0)" }
        metadata["actor_id"] = actor.map { "\($0)" }
        metadata["client"] = client.map { "\($0.text)" }
        for (key, value) in more { metadata[key] = "\(value)" }
        logger.info("audit", metadata: metadata)
    }
}
