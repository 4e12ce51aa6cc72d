import ServiceLifecycle
package import SoukAuthToken
package import SoukCache
package import SoukCallContext
import SoukErrors
package import SoukIDs
package import SoukTime
import Synchronization

/// Refuses callers whose session has ended or whose account is deactivated, though their access token is still good, and
/// gives the others the roles that their account has now.
///
/// Who changes an account or ends a session says so with ``announce(_:)``: every process forgets what it remembers, at once where
/// the shared cache passes the message on, and after ``TwoTierCache/Options/memoryLifetime`` otherwise.
///
/// A status is remembered in this process for ``TwoTierCache/Options/memoryLifetime``, in the shared cache for longer, and
/// comes from the account service. Where none of them can tell, the caller is refused with 503. A status is never replaced by
/// one of an older version of the account.
package final class ActiveAccountGuard: AccountGuard, Service {
    /// Asks the account service about a session and its account.
    package typealias Source =
        @Sendable (_ userID: UserID, _ sessionID: String, CallContext) async throws -> AccountStatus
    package typealias Options = TwoTierCache<AccountStatus>.Options

    /// Where processes tell each other what to forget.
    static let channel = "standing"

    private let statuses: TwoTierCache<AccountStatus>
    private let cache: (any Cache)?
    private let source: Source
    private let options: Options
    private let clock: any WallClock
    /// The highest version that this process has seen of each account, for as long as the shared cache may hold a lower one.
    private let versions: Mutex<ExpiringStore<Int>>
    /// What other processes have yet to be told.
    private let news = AsyncStream.makeStream(
        of: AccountChange.self, bufferingPolicy: .bufferingNewest(10_000))

    /// - Parameters:
    ///   - cache: Shared by all processes; nil where this is the only one.
    ///   - source: Asked where neither memory nor cache knows; called with a deadline.
    package init(
        cache: (any Cache)?, options: Options = Options(), clock: any WallClock, source: @escaping Source
    ) {
        statuses = TwoTierCache(options, shared: cache, clock: clock)
        self.cache = cache
        self.source = source
        self.options = options
        self.clock = clock
        versions = Mutex(ExpiringStore(capacity: options.memoryCapacity))
    }

    package func admit(
        _ caller: Principal, _ freshness: AuthorityFreshness, _ context: CallContext
    ) async throws -> Principal {
        let status =
            switch freshness {
            case .remembered: try await remembered(caller, context)
            case .current: try await current(caller, context)
            }
        switch status.session {
        case .active: break
        case .ended: throw AccountRefusal.sessionEnded
        case .deactivated: throw AccountRefusal.accountInactive
        }
        return Principal(userID: caller.userID, roles: status.roles, sessionID: caller.sessionID)
    }

    /// Forgets what is no longer true: in this process at once, in the shared cache and in the other processes as soon as they
    /// can be told.
    package func announce(_ change: AccountChange) {
        forget(change)
        if cache != nil { news.continuation.yield(change) }
    }

    /// Forgets what is known of these sessions: here at once, in the shared cache as soon as it can be told.
    private func forget(_ change: AccountChange) {
        if let version = change.version {
            note(version, of: change.userID)
            statuses.drop(prefix: Self.prefix(change.userID))
        }
        statuses.drop(change.sessionIDs.map { Self.key(change.userID, $0) })
    }

    /// Tells the shared cache and the other processes what to forget, and hears what they say, until shutdown.
    package func run() async throws {
        guard let cache else {
            return await cancelWhenGracefulShutdown { await self.statuses.keepFlushing() }
        }
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { tasks in
                tasks.addTask { await self.statuses.keepFlushing() }
                tasks.addTask {
                    for await change in self.news.stream {
                        // Where it can't be told, the others find out when their memory ends.
                        try? await cache.publish(change.message, on: Self.channel)
                    }
                }
                tasks.addTask {
                    for await message in cache.messages(on: Self.channel) {
                        if let change = AccountChange(message: message) { self.forget(change) }
                    }
                }
            }
        }
    }

    private func remembered(_ caller: Principal, _ context: CallContext) async throws -> AccountStatus {
        let key = Self.key(caller.userID, caller.sessionID)
        if let status = statuses.remembered(key) { return status }
        let (userID, requestID) = (caller.userID, context.requestID)
        return try await knowing {
            let status = try await statuses.value(
                for: key, accept: { $0.session == .ended || $0.version >= self.version(of: userID) }
            ) {
                // Not the caller's deadline: others wait for this, too.
                try await self.ask(
                    caller, CallContext(requestID: requestID, deadline: .now + self.options.loadTimeout))
            }
            note(status.version, of: userID)
            return status
        }
    }

    private func current(_ caller: Principal, _ context: CallContext) async throws -> AccountStatus {
        let status = try await knowing {
            let call = CallContext(requestID: context.requestID, deadline: context.deadline)
            return try await ask(caller, call.limited(to: .now + options.loadTimeout))
        }
        note(status.version, of: caller.userID)
        let key = Self.key(caller.userID, caller.sessionID)
        if let known = statuses.remembered(key), known != status { statuses.drop([key]) }
        return status
    }

    private func ask(_ caller: Principal, _ context: CallContext) async throws -> AccountStatus {
        try await withDeadline(context) { try await source(caller.userID, caller.sessionID, context) }
    }

    /// Whatever keeps `body` from returning a status is a refusal.
    private func knowing(_ body: () async throws -> AccountStatus) async throws -> AccountStatus {
        do {
            return try await body()
        } catch let error as CancellationError {
            throw error
        } catch {
            throw AccountRefusal.unknown((error as? any SoukError)?.logDescription ?? "\(error)")
        }
    }

    // MARK: - Versions

    private func version(of userID: UserID) -> Int {
        versions.withLock { $0.entry("\(userID)", at: clock.now())?.value ?? 0 }
    }

    private func note(_ version: Int, of userID: UserID) {
        let (key, now) = ("\(userID)", clock.now())
        versions.withLock { versions in
            let known = versions.entry(key, at: now)?.value ?? 0
            versions.set(key, max(known, version), at: now, until: now + options.lifetime)
        }
    }

    private static func prefix(_ userID: UserID) -> String { "standing:\(userID):" }
    private static func key(_ userID: UserID, _ sessionID: String) -> String { prefix(userID) + sessionID }
}
