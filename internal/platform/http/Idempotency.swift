import Crypto
import HTTPTypes
package import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import SoukCallContext
package import SoukDatabase
import SoukErrors
package import SoukTime

/// Lets a client repeat a request without repeating its effect: the answer to an `Idempotency-Key` is kept for 24 hours.
///
/// A key belongs to the caller and the route. The same key with the same body gets the kept answer, with
/// `Idempotency-Replayed: true`; with another body 422; while the first is still running 409. Final answers are kept:
/// 2xx, and 4xx other than 409 and 429. After any other the key is free again, so the client may try once more.
///
/// A process that dies between the effect and the keeping leaves the key free: what the handler does must itself be
/// idempotent by the key, in the tables it changes.
package struct Idempotency: Sendable {
    /// How long answers are kept.
    package static let retention: Duration = .seconds(24 * 60 * 60)
    /// How long a running request holds its key at least; one with a later deadline holds it until ``overrun`` after that.
    package static let lease: Duration = .seconds(60)
    /// How long a request may take to end once its deadline has passed.
    static let overrun: Duration = .seconds(30)
    /// Longest body that is taken, in bytes.
    package static let maxBodyBytes = 1 << 20

    /// The table of kept answers; to be run as the set `idempotency`.
    package static var migrations: [Migration] { IdempotencyStore.migrations }

    private let store: IdempotencyStore
    private let clock: any WallClock

    /// Keeps answers in `database`, which must have had the ``migrations``.
    package init(database: any Database, clock: any WallClock) {
        store = IdempotencyStore(database: database)
        self.clock = clock
    }

    /// Runs `body` once per key and answers every repetition alike.
    ///
    /// `body` gets the request with its body in memory, and the key. With `required` false a request without a key simply
    /// runs, under a key that nobody else has.
    ///
    /// Throws: `ServiceError` 400 `idempotency_key.missing` or `.invalid`, 409 `idempotency_key.running`, 413
    /// `body.too_large`, 422 `idempotency_key.reused`; what `body` throws unless it is a final answer.
    package func run(
        _ request: Request, _ context: some CallerContext, required: Bool = true,
        _ body: (Request, String) async throws -> Reply
    ) async throws -> Response {
        var request = request
        let bytes = try await request.bytes(maxBytes: Self.maxBodyBytes)
        request.body = RequestBody(buffer: ByteBuffer(bytes: bytes))
        guard let key = try Self.key(of: request, required: required) else {
            return try await body(request, "generated-\(IdempotencyStore.newOwner())").response(
                from: request, context: context)
        }
        let claim = IdempotencyStore.Claim(
            scope: "\(context.principal.userID) \(request.method.rawValue) \(context.routeTemplate ?? "")",
            key: key,
            fingerprint: Self.fingerprint(of: request, bytes), owner: IdempotencyStore.newOwner(),
            lease: Self.lease(until: context.call.deadline))
        switch try await store.claim(claim, now: clock.now()) {
        case .replay(var reply):
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

    /// Forgets answers that are older than 24 hours.
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
            let problem = Problem(error)
            guard Self.isFinal(problem.status) else {
                await settle(claim, keeping: nil, context.logger)
                throw error
            }
            problem.log(to: context.logger, route: context.routeTemplate)
            reply = problem.reply(requestID: context.requestID)
        }
        await settle(claim, keeping: Self.isFinal(reply.status.code) ? reply : nil, context.logger)
        return reply.response
    }

    /// Keeps the answer, or frees the key when there is none to keep.
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

    static func isFinal(_ status: Int) -> Bool {
        (200..<300).contains(status) || (400..<500).contains(status) && status != 409 && status != 429
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
