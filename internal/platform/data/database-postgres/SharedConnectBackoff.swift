import Logging
import SoukDatabase
import Synchronization

/// Connects for all of a pool's connections, so that a server that is away is not asked by all of them.
final class SharedConnectBackoff: Sendable {
    private let state = Mutex(ConnectBackoff())
    private let logger = Logger(label: "souk.database")

    /// Connects, on the caller's thread.
    ///
    /// - Throws: `.connection`: why not, or why not the last time.
    func connect(_ options: PostgresOptions, waker: Waker) throws(DatabaseError) -> PostgresHandle {
        let patience = options.connectTimeout * 2
        if case .refused(let error) = state.withLock({ $0.admit(now: .now, patience: patience) }) {
            throw error
        }
        do {
            let handle = try PostgresHandle.connect(options, waker: waker)
            let wasAway = state.withLock { state in
                defer { state.succeed() }
                return state.isAway
            }
            if wasAway { logger.info("database is back", metadata: ["target": "\(options.target)"]) }
            return handle
        } catch {
            let isNew = state.withLock { state in
                defer {
                    var random = SystemRandomNumberGenerator()
                    state.fail(error, now: .now, using: &random)
                }
                return !state.isAway
            }
            if isNew { logger.warning("database is away", metadata: ["error": "\(error)"]) }
            throw error
        }
    }
}
