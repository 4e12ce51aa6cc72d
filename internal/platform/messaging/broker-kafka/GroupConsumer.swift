import Foundation
import Logging
import SoukBroker
import Synchronization

/// This process's member of a consumer group: one Kafka consumer, whatever the number of subscriptions that
/// share it, and the thread that polls it.
///
/// The thread owns the consumer (``ConsumerSession``); subscriptions meet it in the state behind the lock: the
/// thread brings messages and takes offsets to commit, they take messages and settle them.
final class GroupConsumer: Sendable {
    typealias Waiter = CheckedContinuation<Delivery?, Never>
    typealias State = GroupState<Waiter>

    private struct Shell {
        var group: State
        var isClosing = false
        /// Partitions that were left unread because enough of them is in hand.
        var heldBack: Set<PartitionID> = []
        /// They were because of all bytes in hand: what is settled in one gives room to the others.
        var isFull = false
        /// The thread waits for messages in flight.
        var isHandingOver = false
    }

    let name: String
    let options: KafkaOptions
    let topics: KafkaTopics
    private let metrics: KafkaMetrics
    let wakeup: WakeupFile
    /// Happens when the consumer has left the group and the thread is gone.
    let end = Completion()
    private let logger = Logger(label: "souk.broker.kafka")
    private let shell: Mutex<Shell>

    /// - Parameter onEnd: Called on the thread when the consumer has left the group.
    /// - Throws: ``BrokerError/Reason/unavailable`` when the process may open no more files.
    init(
        name: String, options: KafkaOptions, topics: KafkaTopics, metrics: KafkaMetrics,
        onEnd: @escaping @Sendable (GroupConsumer) -> Void
    ) throws(BrokerError) {
        self.name = name
        self.options = options
        self.topics = topics
        self.metrics = metrics
        wakeup = try WakeupFile()
        shell = Mutex(
            Shell(
                group: State(
                    limits: State.Limits(messages: options.lookAheadMessages, bytes: options.lookAheadBytes)))
        )
        let thread = Thread { [self] in
            run()
            onEnd(self)
            end.finish()
        }
        thread.name = "kafka-\(name)"
        thread.start()
    }

    // MARK: - Members

    /// Adds a member that reads the topics; nil once the consumer is leaving the group.
    func join(topics: Set<String>, prefetch: Int) -> State.MemberID? {
        let member = shell.withLock { shell -> State.MemberID? in
            guard !shell.isClosing else { return nil }
            return shell.group.addMember(topics: topics, prefetch: prefetch)
        }
        wakeup.wake()
        return member
    }

    /// Removes a member; what it holds goes to the others. With the last of them the consumer leaves the group;
    /// waits for that, up to a time.
    func leave(_ member: State.MemberID) async {
        let (waiters, isLast) = change { shell -> ([Waiter], Bool) in
            let waiters = shell.group.removeMember(member)
            if shell.group.isEmpty { shell.isClosing = true }
            return (waiters, shell.isClosing)
        }
        for waiter in waiters { waiter.resume(returning: nil) }
        wakeup.wake()
        if isLast { await waitForEnd() }
    }

    /// Removes every member and leaves the group.
    func close() async {
        let waiters = shell.withLock { shell in
            shell.isClosing = true
            return shell.group.removeAllMembers()
        }
        for waiter in waiters { waiter.resume(returning: nil) }
        wakeup.wake()
        await waitForEnd()
    }

    private func waitForEnd() async {
        if await !end.wait(atMost: options.closeTimeout) {
            logger.warning("leaving a group takes long and goes on alone", metadata: ["group": "\(name)"])
        }
    }

    // MARK: - Receiving

    func next(_ member: State.MemberID) async -> Delivery? {
        let number = shell.withLock { $0.group.nextNumber() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                // Cancellation before this point found nobody to wake, and is seen here; later, it finds the
                // waiter.
                let (step, isRoom) = shell.withLock { shell -> (State.Step, Bool) in
                    guard !Task.isCancelled else { return (.closed, false) }
                    let step = shell.group.next(member, number: number, waiter: waiter)
                    guard case .deliver(let assignment) = step else { return (step, false) }
                    return (step, takeRoom(&shell, after: assignment.handle.partition))
                }
                if isRoom { wakeup.wake() }
                switch step {
                case .deliver(let assignment): waiter.resume(returning: delivery(assignment))
                case .closed: waiter.resume(returning: nil)
                case .wait: break
                }
            }
        } onCancel: {
            shell.withLock { $0.group.cancelWaiter(number) }?.resume(returning: nil)
        }
    }

    private func delivery(_ assignment: State.Assignment) -> Delivery {
        let handle = assignment.handle
        let member = assignment.member
        return Delivery(
            message: assignment.message,
            topic: options.name(ofTopic: handle.partition.topic) ?? handle.partition.topic,
            position: handle.offset,
            deliveryCount: assignment.deliveryCount
        ) { [self] (settlement: Delivery.Settlement) async throws(BrokerError) in
            try settle(handle, of: member, settlement)
        }
    }

    private func settle(
        _ handle: State.Handle, of member: State.MemberID, _ settlement: Delivery.Settlement
    ) throws(BrokerError) {
        let now = ContinuousClock.now
        let isDelay = if case .nack(let delay) = settlement { delay > .zero } else { false }
        let (isOwn, mustWake) = change { shell in
            let isOwn = shell.group.settle(handle, of: member, settlement, now: now)
            return (
                isOwn, takeRoom(&shell, after: handle.partition) || shell.isHandingOver || isDelay
            )
        }
        if mustWake { wakeup.wake() }
        guard isOwn else {
            throw BrokerError(
                .staleDelivery,
                detail:
                    "\(handle.partition.topic) \(handle.partition.partition) \(handle.offset) in group \(name)"
            )
        }
    }

    /// True when a partition that was left unread can be read on, once for all of them: the thread looks at all.
    ///
    /// - Parameter partition: In which a message was taken or settled.
    private func takeRoom(_ shell: inout Shell, after partition: PartitionID) -> Bool {
        guard !shell.heldBack.isEmpty else { return false }
        let isRoom =
            shell.isFull
            ? shell.heldBack.contains { shell.group.room(in: $0) > 0 }
            : shell.heldBack.contains(partition) && shell.group.room(in: partition) > 0
        if isRoom { shell.heldBack = [] }
        return isRoom
    }

    /// Changes the state, and hands messages to who can have one because of it.
    private func change<R: Sendable>(_ body: (inout Shell) -> R) -> R {
        let (result, served) = shell.withLock { shell in
            let result = body(&shell)
            return (result, shell.group.dispatch())
        }
        for (waiter, assignment) in served { waiter.resume(returning: delivery(assignment)) }
        return result
    }

    // MARK: - Progress

    /// The topics that members here read.
    var subscribedTopics: Set<String> { shell.withLock { $0.group.topics } }

    /// How far the group is in the partitions that this process has.
    var progress: [PartitionID: (fetched: Int64, unacknowledged: Int)] {
        shell.withLock { $0.group.progress }
    }

    // MARK: - Thread

    private static let restartMilliseconds: Int32 = 1_000

    /// Polls one consumer after the other until the last member left: a consumer that the brokers fenced off is
    /// replaced.
    private func run() {
        while !isClosing {
            do {
                let session = try ConsumerSession(self)
                session.run()
            } catch {
                logger.error("consumer of a group: \(error)", metadata: ["group": "\(name)"])
            }
            if !isClosing { wakeup.wait(milliseconds: Self.restartMilliseconds) }
        }
    }

    // What follows is the session's, on the thread.

    var isClosing: Bool { shell.withLock { $0.isClosing } }

    var partitions: [PartitionID] { shell.withLock { $0.group.partitions } }

    /// - Parameter committed: What the group has committed in them, where it is known.
    func addPartitions(_ partitions: [PartitionID], committed: [PartitionID: Int64]) {
        shell.withLock { $0.group.addPartitions(partitions, committed: committed) }
    }

    func removePartitions(_ partitions: [PartitionID]) {
        shell.withLock { $0.group.removePartitions(partitions) }
    }

    /// Ends the delivering from partitions, and waits until what the members hold of them is settled, up to the
    /// time.
    func drain(_ partitions: [PartitionID]) {
        let deadline = ContinuousClock.now + options.handoverTimeout
        shell.withLock { shell in
            shell.group.stopDelivering(partitions)
            shell.isHandingOver = true
        }
        while shell.withLock({ $0.group.inFlight(partitions) }) > 0 {
            let left = deadline - ContinuousClock.now
            guard left > .zero else { break }
            wakeup.wait(milliseconds: left.milliseconds + 1)
        }
        shell.withLock { $0.isHandingOver = false }
    }

    /// Partitions of which more is to be read now, and how much.
    func rooms() -> [(PartitionID, Int)] {
        shell.withLock { shell in
            let rooms = shell.group.partitions.map { ($0, shell.group.room(in: $0)) }
            shell.heldBack = Set(rooms.filter { $0.1 == 0 }.map(\.0))
            shell.isFull = shell.group.isFull
            return rooms.filter { $0.1 > 0 }
        }
    }

    /// - Parameter logStart: Where the partition begins, as far as it is known.
    func append(
        _ messages: [(offset: Int64, message: BrokerMessage)], to partition: PartitionID, logStart: Int64?
    ) {
        for move in change({ $0.group.append(messages, to: partition, logStart: logStart) }) {
            report(move, in: partition)
        }
    }

    private func report(_ move: OffsetMove, in partition: PartitionID) {
        metrics.moved(move, group: name, topic: partition.topic)
        let what =
            switch move {
            case .backward(let from, let to):
                "offsets went back from \(from) to \(to): the topic was made again or cut, and is read from its beginning"
            case .forward(let lost, let to):
                "\(lost) messages below \(to) were deleted before the group read them"
            }
        logger.warning(
            "\(what)",
            metadata: [
                "group": "\(name)", "topic": "\(partition.topic)", "partition": "\(partition.partition)",
            ])
    }

    /// Delivers what has waited long enough; says when the next will have.
    func promoteDue() -> ContinuousClock.Instant? {
        let now = ContinuousClock.now
        return change { shell in
            shell.group.promoteDue(now: now)
            return shell.group.nextDue
        }
    }

    func takeCommits(_ partitions: [PartitionID]? = nil) -> [PartitionID: Int64] {
        shell.withLock { $0.group.takeCommits(partitions) }
    }

    func commitFailed(_ partitions: [PartitionID]) {
        shell.withLock { $0.group.commitFailed(partitions) }
    }
}
