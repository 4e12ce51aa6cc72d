import AsyncHTTPClient
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
package import SoukAuthToken
package import SoukCache
package import SoukCallContext
package import SoukTime
import Synchronization

/// Verifies access tokens with the public keys of the account service, fetched from its JWKS address.
///
/// The keys are remembered here, and the last good ones in the shared cache, so that a process which starts while the
/// account service is away verifies all the same. They are fetched again at an interval, which is also when a key that
/// was removed stops being accepted, and when a token names a key that is not among them, but never more often than
/// ``Options/minimumInterval``, whatever tokens come. Whoever can write to the shared cache can plant keys there: it
/// belongs on a private network, behind a password.
package final class RemoteTokenKeys: TokenVerifier, Service {
    package struct Options: Sendable {
        /// Where the JWK Set is: `http://127.0.0.1:8101/.well-known/jwks.json`.
        package var url: String
        package var issuer = "souk"
        package var audience = "souk"
        /// Between two fetches that nothing special calls for.
        package var refreshInterval: Duration = .seconds(60)
        /// Between two fetches for unknown keys, and after one that failed.
        package var minimumInterval: Duration = .seconds(5)
        /// For how long keys are good while they can't be fetched again.
        package var lifetime: Duration = .seconds(24 * 3_600)
        /// How long a fetch may take.
        package var timeout: Duration = .seconds(2)
        /// Longest answer, in bytes.
        package var maxBytes = 64 << 10
        /// Most keys of an answer that are looked at.
        package var maxKeys = 64

        package init(url: String) { self.url = url }
    }

    private struct Known {
        let keys: TokenKeys
        let fetchedAt: Timestamp
    }

    private struct State {
        var known: Known?
        var attemptedAt: Timestamp?
        /// Why the last fetch came to nothing; nil when it didn't.
        var failure: String?
        var refresh: Task<Void, Never>?
    }

    private let options: Options
    private let cache: (any Cache)?
    private let clock: any WallClock
    private let state = Mutex(State())
    private let logger = Logger(label: "souk.keys")

    /// - Parameter cache: Keeps the last good keys for processes that start while the account service is away.
    package init(_ options: Options, cache: (any Cache)?, clock: any WallClock) {
        self.options = options
        self.cache = cache
        self.clock = clock
    }

    /// The caller named by the token, after every check has passed.
    ///
    /// - Throws: the `TokenError` of the first check that failed; `.keysUnavailable` when no keys can be had, or the
    ///   token names one that is not known while they can't be fetched.
    package func verify(_ token: String) async throws(TokenError) -> Principal {
        try await verifyForReuse(token).principal
    }

    package func verifyForReuse(_ token: String) async throws(TokenError) -> VerifiedToken {
        if usable == nil { await refresh() }
        guard let keys = usable else { throw .keysUnavailable(failure ?? "no keys") }
        do {
            return try await keys.verifyForReuse(token)
        } catch .unknownKey {
            await refresh()
        }
        guard let keys = usable else { throw .keysUnavailable(failure ?? "no keys") }
        do {
            return try await keys.verifyForReuse(token)
        } catch .unknownKey {
            guard let failure else { throw .unknownKey }
            throw .keysUnavailable(failure)
        }
    }

    /// Whether keys are known; fetches them where they are not.
    ///
    /// - Throws: `TokenError.keysUnavailable`.
    package func checkReadiness() async throws(TokenError) {
        if usable == nil { await refresh() }
        guard usable != nil else { throw .keysUnavailable(failure ?? "no keys") }
    }

    /// Fetches the keys again at an interval, until shutdown.
    package func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            while !Task.isCancelled {
                await refresh(evenIfRecent: true)
                let wait = failure == nil ? options.refreshInterval : options.minimumInterval
                // Ends early only by cancellation, which ends the loop. Spread, for processes that started together.
                try? await clock.sleep(for: wait * Double.random(in: 0.9...1.1))
            }
        }
    }

    private var usable: TokenKeys? {
        state.withLock { state in
            guard let known = state.known, clock.now() < known.fetchedAt + options.lifetime else {
                return nil
            }
            return known.keys
        }
    }

    private var failure: String? { state.withLock { $0.failure } }

    // MARK: - Fetching

    /// Fetches the keys, unless they were a moment ago; all who want it at once wait for one fetch.
    private func refresh(evenIfRecent: Bool = false) async {
        let task: Task<Void, Never>? = state.withLock { state in
            if let refresh = state.refresh { return refresh }
            let now = clock.now()
            if !evenIfRecent, let last = state.attemptedAt, last <= now, now - last < options.minimumInterval
            {
                return nil
            }
            state.attemptedAt = now
            // Of its own: it belongs to all who wait for it. Its time-outs end it.
            let task = Task { await self.fetch() }
            state.refresh = task
            return task
        }
        await task?.value
    }

    private func fetch() async {
        var failure: String?
        var fetched: Known?
        do {
            let body = try await download()
            fetched = Known(keys: try await keys(from: body), fetchedAt: clock.now())
            await remember(body)
        } catch {
            failure = "\(options.url): \(error)"
            if usable == nil { fetched = await recall() }
        }
        let hadFailed = state.withLock { state in
            defer {
                state.failure = failure
                state.refresh = nil
            }
            if let fetched { state.known = fetched }
            return state.failure != nil
        }
        if let failure, !hadFailed {
            logger.warning("token keys can't be fetched", metadata: ["error": "\(failure)"])
        } else if failure == nil, hadFailed {
            logger.info("token keys are fetched again")
        }
    }

    private func download() async throws -> [UInt8] {
        var request = HTTPClientRequest(url: options.url)
        request.headers.add(name: "Accept", value: "application/json")
        let timeout = TimeAmount.nanoseconds(options.timeout.wholeMicroseconds * 1_000)
        let response = try await HTTPClient.shared.execute(request, timeout: timeout)
        guard response.status == .ok else { throw KeySetError("answered \(response.status.code)") }
        var body: [UInt8] = []
        for try await part in response.body {
            guard body.count + part.readableBytes <= options.maxBytes else {
                throw KeySetError("the answer is longer than \(options.maxBytes) bytes")
            }
            body += part.readableBytesView
        }
        return body
    }

    private func keys(from body: [UInt8]) async throws -> TokenKeys {
        try TokenKeys(
            try await KeySet.keys(from: body, atMost: options.maxKeys), signing: nil, issuer: options.issuer,
            audience: options.audience, clock: clock)
    }

    // MARK: - The shared cache

    private var cacheKey: String { "jwks:\(options.issuer)" }

    /// Keeps the set for others. A cache that is away keeps nothing, and nothing depends on it.
    private func remember(_ body: [UInt8]) async {
        let stamp = Array("\(clock.now().microseconds)\n".utf8)
        _ = try? await cache?.set(cacheKey, stamp + body, timeToLive: options.lifetime, condition: .always)
    }

    /// The last good set of any process, as old as it is.
    private func recall() async -> Known? {
        guard let stored = try? await cache?.get(cacheKey), let end = stored.firstIndex(of: 0x0A),
            let microseconds = Int64(String(decoding: stored[..<end], as: UTF8.self)),
            let keys = try? await keys(from: Array(stored[(end + 1)...]))
        else { return nil }
        let fetchedAt = min(Timestamp(microseconds: microseconds), clock.now())
        return Known(keys: keys, fetchedAt: fetchedAt)
    }
}
