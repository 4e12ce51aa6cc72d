import Foundation
import Logging
import SoukBroker
import Synchronization

/// Whether the cluster responds, found out in the background: who wants to know never waits.
///
/// A thread of its own asks once a second, because librdkafka's requests block.
final class KafkaHealth: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// What is known. Pure; the thread feeds it.
    struct Record: Sendable {
        /// A response that is older says nothing of now.
        static let maximumAge: Duration = .seconds(5)

        private var responded: Instant?
        private(set) var failure: BrokerError?

        mutating func add(_ failure: BrokerError?, at now: Instant) {
            self.failure = failure
            if failure == nil { responded = now }
        }

        /// - Throws: ``BrokerError/Reason/unavailable`` before the first response, after a failure, and when the
        ///   last response is too old.
        func check(at now: Instant) throws(BrokerError) {
            if let failure { throw failure }
            guard let responded else {
                throw BrokerError(.unavailable, detail: "the Kafka cluster has not responded yet")
            }
            let age = now - responded
            guard age <= Self.maximumAge else {
                throw BrokerError(
                    .unavailable, detail: "the Kafka cluster last responded \(age.components.seconds) s ago")
            }
        }
    }

    private struct State {
        var record = Record()
        var isClosed = false
    }

    private static let intervalMilliseconds: Int32 = 1_000

    private let wakeup: WakeupFile
    private let logger = Logger(label: "souk.broker.kafka")
    private let state = Mutex(State())

    /// - Parameter ask: Asks the cluster for anything, on the thread, and returns when it responded.
    /// - Throws: ``BrokerError/Reason/unavailable`` when the process may open no more files.
    init(_ ask: @escaping @Sendable () throws(BrokerError) -> Void) throws(BrokerError) {
        wakeup = try WakeupFile()
        let thread = Thread { [self] in run(ask) }
        thread.name = "kafka-health"
        thread.start()
    }

    /// Returns when the cluster responded a moment ago. Never waits.
    ///
    /// - Throws: ``BrokerError/Reason/unavailable``.
    func check() throws(BrokerError) {
        try state.withLock { $0.record }.check(at: .now)
    }

    /// Ends the thread, after the request that is under way.
    func close() {
        state.withLock { $0.isClosed = true }
        wakeup.wake()
    }

    private func run(_ ask: @Sendable () throws(BrokerError) -> Void) {
        while !state.withLock({ $0.isClosed }) {
            var failure: BrokerError?
            do throws(BrokerError) { try ask() } catch { failure = error }
            let before = state.withLock { state in
                defer { state.record.add(failure, at: .now) }
                return state.record.failure
            }
            if let failure, before == nil, failure.reason != .closed {
                logger.warning("the cluster does not respond: \(failure)")
            } else if failure == nil, before != nil {
                logger.notice("the cluster responds again")
            }
            wakeup.wait(milliseconds: Self.intervalMilliseconds)
        }
    }
}
