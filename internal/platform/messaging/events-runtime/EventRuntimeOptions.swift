/// What may be chosen about a service's events.
package struct EventRuntimeOptions: Sendable {
    /// Handlers running at the same time, each for another key.
    package var concurrency: Int
    /// Events that may be handled in one transaction while more wait than can be handled at once. As many times
    /// `concurrency` is what the broker hands out ahead.
    package var batch: Int
    /// For failing handlers.
    package var retry: RetryPolicy
    /// For the broker and the database being away: waits like `retry`, without end.
    package var reconnect: RetryPolicy
    /// Events published at once.
    package var relayBatch: Int
    /// How long a relay may keep lanes of the outbox to itself, where several processes relay one. Longer than the
    /// broker's time-out for publishing: lanes of a relay that died wait so long.
    package var laneLease: Duration
    /// How often the outbox and the dead letters to redrive are looked at when no signal came.
    package var pollInterval: Duration
    /// How long a shutdown waits for the outbox to empty; what is left is published after the next start.
    package var flushTimeout: Duration
    /// How long the inbox remembers an event. A message that comes again later than that is handled again:
    /// keep it at least as long as the broker keeps messages.
    package var inboxRetention: Duration
    /// Another instrument than the process's, in tests.
    var trace = TracePropagation()

    package init(
        concurrency: Int = 8, batch: Int = 16, retry: RetryPolicy = RetryPolicy(),
        reconnect: RetryPolicy = RetryPolicy(),
        relayBatch: Int = 256, laneLease: Duration = .seconds(30), pollInterval: Duration = .seconds(1),
        flushTimeout: Duration = .seconds(5), inboxRetention: Duration = .seconds(7 * 86_400)
    ) {
        precondition(concurrency > 0 && batch > 0 && relayBatch > 0, "at least one event at a time")
        self.concurrency = concurrency
        self.batch = batch
        self.retry = retry
        self.reconnect = reconnect
        self.relayBatch = relayBatch
        self.laneLease = laneLease
        self.pollInterval = pollInterval
        self.flushTimeout = flushTimeout
        self.inboxRetention = inboxRetention
    }
}
