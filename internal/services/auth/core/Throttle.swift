import SoukTime

/// So many attempts within so long, for one kind of subject.
struct ThrottleRule: Sendable, Hashable {
    /// What is counted: names the counter in the database.
    let scope: String
    let limit: Int
    let window: Duration
}

/// One subject's counter under a rule: an account or an address.
struct ThrottleKey: Sendable, Hashable {
    let rule: ThrottleRule
    let subject: String
}

/// A counter at one moment: the window opens with the first attempt and closes when it is over, however many follow.
struct ThrottleWindow: Sendable, Hashable {
    var startedAt: Timestamp
    var count: Int

    /// How long the subject has to wait; nil while it may go on.
    func wait(_ rule: ThrottleRule, at now: Timestamp) -> Duration? {
        let end = startedAt + rule.window
        guard count >= rule.limit, now < end else { return nil }
        return end - now
    }

    /// The counter with one more attempt.
    func adding(_ rule: ThrottleRule, at now: Timestamp) -> ThrottleWindow {
        now < startedAt + rule.window
            ? ThrottleWindow(startedAt: startedAt, count: count + 1)
            : ThrottleWindow(startedAt: now, count: 1)
    }
}

/// A limit that was reached.
struct ThrottleRefusal: Sendable, Hashable {
    let key: ThrottleKey
    let wait: Duration
}

/// The counters, kept where a restart does not forget them.
protocol ThrottleStore: Sendable {
    /// Counts one attempt under each key before it is made: concurrent attempts can't slip past a limit. Where a limit is
    /// reached nothing is counted, and the one to be waited for longest is given.
    func take(_ keys: [ThrottleKey], at now: Timestamp) async throws -> ThrottleRefusal?

    /// Forgets the attempts of some subjects, and takes back one attempt of others.
    func settle(clearing: [ThrottleKey], givingBack: [ThrottleKey]) async throws

    /// Removes the counters whose window is over.
    func purge(at now: Timestamp) async throws
}

extension ThrottleStore {
    /// Counts one attempt before it is made, or says how long to wait.
    func take(_ key: ThrottleKey, at now: Timestamp) async throws -> Duration? {
        try await take([key], at: now)?.wait
    }

    /// Takes back one attempt that came to nothing.
    func giveBack(_ key: ThrottleKey) async throws {
        try await settle(clearing: [], givingBack: [key])
    }

    /// Forgets the subject's attempts.
    func clear(_ key: ThrottleKey) async throws {
        try await settle(clearing: [key], givingBack: [])
    }
}
