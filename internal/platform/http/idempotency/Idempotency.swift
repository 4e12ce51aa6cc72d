import Crypto
import HTTPTypes
package import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import SoukCallContext
package import SoukDatabase
import SoukErrors
package import SoukHTTP
package import SoukTime

/// Lets a client repeat a request without repeating its effect: the response to an `Idempotency-Key` is kept for 24 hours.
///
/// A key belongs to the caller and the route. The same key with the same body gets the kept response, with
/// `Idempotency-Replayed: true`; with another body 422; while the first is still running 409. Kept are 2xx responses of
/// requests that changed something. After any other the key is free again: a refusal is found anew, and to repeat what
/// changes nothing does no harm.
///
/// What is kept is bounded for each caller by ``Limits``. Of a response larger than ``largestKeptBody`` only the status,
/// the `Location` and the ``Reply/subject`` are kept; its replay shows what that resource is by then.
///
/// A process that dies between the effect and the keeping leaves the key free: what the handler does must itself be
/// idempotent by the key, in the tables it changes.
package struct Idempotency: Sendable {
    /// How long responses are kept.
    package static let retention: Duration = .seconds(24 * 60 * 60)
    /// How long a running request holds its key at least; one with a later deadline holds it until ``overrun`` after that.
    package static let lease: Duration = .seconds(60)
    /// How long a request may take to end once its deadline has passed.
    static let overrun: Duration = .seconds(30)
    /// Longest body that is taken, in bytes.
    package static let maxBodyBytes = 1 << 20
    /// The largest response body that is kept as it is, in bytes.
    package static let largestKeptBody = 4 << 10

    /// What one caller may have kept at a time.
    package struct Limits: Sendable, Hashable {
        /// Keys, those of running requests among them.
        package var keys = 10_000
        /// Bytes of keys and responses; a running request counts as one with the largest response that is kept.
        package var bytes = 16 << 20

        /// The defaults.
        package init() {}
    }

    /// The table of keys and kept responses; to be run as the set `idempotency`.
    package static var migrations: [Migration] { IdempotencyStore.migrations }

    private let store: IdempotencyStore
    private let clock: any WallClock

    /// Keeps responses in `database`, which must have had the ``migrations``.
    package init(database: any Database, clock: any WallClock, limits: Limits = Limits()) {
        store = IdempotencyStore(database: database, limits: limits)
        self.clock = clock
    }

    /// Runs `body` once per key, and gives every repetition the same response.
    ///
    /// `body` gets the request with its body in memory, and the key. With `required` false a request without a key simply
    /// runs, under a key that nobody else has.
    ///
    /// - Parameter rereading: gives the resource of a response that was too large to be kept, from the same request and the
    ///   response's ``Reply/subject``. Its body and `ETag` are sent with the first response's status and `Location`.
    /// - Throws: `ServiceError` 400 `idempotency_key.missing` or `.invalid`, 409 `idempotency_key.running`, 413
    ///   `body.too_large`, 422 `idempotency_key.reused`, 429 `limit.idempotency_keys`; what the closures throw.
    package func run(
        _ request: Request, _ context: some CallerContext, required: Bool = true,
        _ body: (Request, String) async throws -> Reply,
        rereading: (Request, String) async throws -> Reply
    ) async throws -> Response {
        var request = request
        let bytes = try await request.bytes(maxBytes: Self.maxBodyBytes)
        request.body = RequestBody(buffer: ByteBuffer(bytes: bytes))
        guard let key = try Self.key(of: request, required: required) else {
            return try await body(request, "generated-\(IdempotencyStore.newOwner())").response(
                from: request, context: context)
        }
        let caller = "\(context.principal.userID)"
        let claim = IdempotencyStore.Claim(
            caller: caller, scope: "\(caller) \(request.method.rawValue) \(context.routeTemplate ?? "")",
            key: key,
            fingerprint: Self.fingerprint(of: request, bytes), owner: IdempotencyStore.newOwner(),
            lease: Self.lease(until: context.call.deadline))
        switch try await store.claim(claim, now: clock.now()) {
        case .replay(var reply):
            reply.headers[.idempotencyReplayed] = "true"
            return reply.response
        case .reread(let status, let location, let subject):
            let current = try await rereading(request, subject)
            var reply = Reply(status: status, headers: current.headers, body: current.body)
            reply.headers[.location] = location
            reply.headers[.idempotencyReplayed] = "true"
            return reply.response
        case .reused:
            throw ServiceError(
                .unprocessable, code: "idempotency_key.reused",
                message: "The Idempotency-Key was already used for another request.")
        case .running(let wait):
            throw ServiceError(
                .conflict, code: "idempotency_key.running",
                message: "The first request with this Idempotency-Key is still running.", retryAfter: wait)
        case .claimed:
            return try await execute(claim, request, context, body)
        }
    }

    /// Frees the keys that a dead process held. To be called before serving.
    ///
    /// A SQLite file has one owning process, so every running request is a dead one; elsewhere only leases that ran out are.
    package func recover() async throws {
        try await store.dropRunning(now: clock.now())
    }

    /// Forgets responses that are older than 24 hours.
    package func purge() async throws {
        try await store.purge(now: clock.now())
    }

    private func execute(
        _ claim: IdempotencyStore.Claim, _ request: Request, _ context: some CallerContext,
        _ body: (Request, String) async throws -> Reply
    ) async throws -> Response {
        let reply: Reply
        do {
            reply = try await body(request, claim.key)
        } catch {
            await settle(claim, keeping: nil, context.logger)
            throw error
        }
        let isKept = (200..<300).contains(reply.status.code) && !reply.changedNothing
        await settle(claim, keeping: isKept ? reply : nil, context.logger)
        return reply.response
    }

    /// Keeps the response, or frees the key when there is none to keep.
    ///
    /// A failure is only logged: the effect has happened and the client must learn of it. The lease then runs out.
    private func settle(_ claim: IdempotencyStore.Claim, keeping reply: Reply?, _ logger: Logger) async {
        // In a task of its own, waited for: a request that was cancelled must still let go of its key.
        let outcome = await Task {
            if let reply {
                try await store.keep(reply, for: claim, until: clock.now() + Self.retention)
            } else {
                try await store.release(claim)
            }
        }.result
        if case .failure(let error) = outcome {
            logger.error("idempotency key not settled", metadata: ["error": "\(error)"])
        }
    }

    private static func lease(until deadline: ContinuousClock.Instant?) -> Duration {
        guard let deadline else { return lease }
        return max(lease, ContinuousClock.now.duration(to: deadline) + overrun)
    }

    private static func key(of request: Request, required: Bool) throws -> String? {
        guard let key = request.idempotencyKey else {
            guard required else { return nil }
            throw ServiceError(
                .invalid, code: "idempotency_key.missing", message: "This request needs an Idempotency-Key.")
        }
        guard (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
            throw ServiceError(
                .invalid, code: "idempotency_key.invalid",
                message: "An Idempotency-Key has 1 to 255 printable ASCII characters.")
        }
        return key
    }

    /// SHA-256 of method, path and body.
    private static func fingerprint(of request: Request, _ body: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        hash.update(data: Array("\(request.method.rawValue) \(request.uri.path)\n".utf8))
        hash.update(data: body)
        return Array(hash.finalize())
    }
}
