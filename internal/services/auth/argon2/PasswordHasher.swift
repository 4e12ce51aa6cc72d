import NIOPosix
import SoukErrors
import Synchronization

/// Hashes and checks passwords.
protocol PasswordHashing: Sendable {
    /// A salted hash to store.
    func hash(_ password: String) async throws -> String

    /// Whether the password belongs to the stored hash. Without one it does the same work and says no, so that the
    /// time tells nobody whether an account exists.
    func verify(_ password: String, against stored: String?) async throws -> Bool

    /// Whether the stored hash was made at another cost than today's.
    func isOutdated(_ stored: String) -> Bool
}

/// Argon2id on threads of its own: neither the cooperative pool nor an event loop ever waits for a hash.
///
/// The queue is bounded: beyond it the caller gets ``AuthError/busy`` at once, for a hash that comes a minute later
/// helps nobody.
final class PasswordHasher: PasswordHashing {
    static let queueBound = 256

    private let parameters: Argon2Parameters
    private let decoy: String
    private let pool: NIOThreadPool
    private let queued = Mutex(0)
    private let queueBound: Int

    init(parameters: Argon2Parameters, threads: Int, queueBound: Int = PasswordHasher.queueBound) {
        self.parameters = parameters
        self.queueBound = queueBound
        decoy = Argon2id.decoy(parameters)
        pool = NIOThreadPool(numberOfThreads: threads)
        pool.start()
    }

    deinit {
        // The pool keeps itself alive until its threads have ended; nobody waits for them.
        pool.shutdownGracefully { _ in }
    }

    func hash(_ password: String) async throws -> String {
        let parameters = parameters
        return try await run { try Argon2id.hash(password, parameters) }
    }

    func verify(_ password: String, against stored: String?) async throws -> Bool {
        let encoded = stored ?? decoy
        let matches = try await run { try Argon2id.verify(password, against: encoded) }
        return matches && stored != nil
    }

    func isOutdated(_ stored: String) -> Bool {
        Argon2id.parameters(of: stored) != parameters
    }

    private func run<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
        let admitted = queued.withLock { count in
            guard count < queueBound else { return false }
            count += 1
            return true
        }
        guard admitted else { throw AuthError.busy }
        defer { queued.withLock { $0 -= 1 } }
        return try await pool.runIfActive(body)
    }
}
