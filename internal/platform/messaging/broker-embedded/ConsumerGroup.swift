import Logging
import SoukBroker
import SoukDatabase
import SoukTime
import Synchronization

/// Carries out what ``GroupState`` decides: suspends and wakes members, reads the log, stores positions.
///
/// Nothing polls: publishing, settling and closing wake a waiting member, which reads the log itself where
/// needed. One timer runs for the earliest of redeliveries and stores.
final class ConsumerGroup: Sendable {
    typealias WaiterID = GroupState.WaiterID
    typealias MemberID = GroupState.MemberID

    private struct Shell {
        var group = GroupState()
        var continuations: [WaiterID: CheckedContinuation<Void, Never>] = [:]
        var timer: (due: Timestamp, task: Task<Void, Never>)?
        var isClosed = false
    }

    let name: String
    private let log: MessageLog
    private let clock: any WallClock
    private let limits: TopicCursor.Limits
    private let logger = Logger(label: "souk.broker")
    private let shell = Mutex(Shell())

    init(name: String, log: MessageLog, clock: any WallClock, limits: TopicCursor.Limits) {
        self.name = name
        self.log = log
        self.clock = clock
        self.limits = limits
    }

    /// Adds a member that reads the topics; nil once the group is closed.
    func join(topics: [String], prefetch: Int) async throws(BrokerError) -> MemberID? {
        let unknown = shell.withLock { shell in topics.filter { !shell.group.knows($0) } }
        var positions: [(topic: String, position: Int64, end: Int64)] = []
        if !unknown.isEmpty {
            do {
                positions = try await log.join(group: name, topics: unknown)
            } catch {
                throw .storage(error)
            }
        }
        return shell.withLock { shell in
            guard !shell.isClosed else { return nil }
            for (topic, position, end) in positions {
                shell.group.addTopic(topic, position: position, end: end, limits: limits)
            }
            return shell.group.addMember(topics: topics, prefetch: prefetch)
        }
    }

    func published(_ topic: String, upTo end: Int64) {
        change { $0.published(topic, upTo: end) }
    }

    /// In-memory lag of the topics that are being read.
    var lags: [String: Int] { shell.withLock { $0.group.lags } }

    // MARK: - Receiving

    func next(_ member: MemberID) async throws(BrokerError) -> Delivery? {
        while true {
            let now = clock.now()
            let (step, waiter) = change { group in
                let waiter = WaiterID(number: group.nextNumber())
                return (Task.isCancelled ? .closed : group.step(member, waiter: waiter, now: now), waiter)
            }
            switch step {
            case .closed:
                return nil
            case .deliver(let assignment):
                return delivery(assignment, member)
            case .load(let topic, let load, let end):
                try await perform(load, topic: topic, end: end)
            case .wait:
                await wait(as: waiter)
            }
        }
    }

    /// Suspends until woken, unless that has happened by now.
    private func wait(as waiter: WaiterID) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isWaiting = shell.withLock { shell in
                    guard shell.group.isWaiting(waiter) else { return false }
                    shell.continuations[waiter] = continuation
                    return true
                }
                if !isWaiting { continuation.resume() }
                // A cancellation before the line above found no continuation.
                if Task.isCancelled { cancel(waiter) }
            }
        } onCancel: {
            cancel(waiter)
        }
    }

    private func cancel(_ waiter: WaiterID) {
        let continuation = shell.withLock { shell in
            shell.group.cancelWaiter(waiter)
            return shell.continuations.removeValue(forKey: waiter)
        }
        continuation?.resume()
    }

    private func perform(_ load: TopicCursor.Load, topic: String, end: Int64) async throws(BrokerError) {
        do {
            switch load {
            case .range(let position, let limit):
                let messages = try await log.read(topic, from: position, limit: limit)
                change { $0.loaded(topic, messages, limit: limit, end: end) }
            case .bodies(let positions):
                let messages = try await log.read(topic, positions: positions)
                change { $0.loadedBodies(topic, positions, messages) }
            }
        } catch {
            change { $0.loadFailed(topic) }
            if !Task.isCancelled { throw .storage(error) }
        }
    }

    private func delivery(_ assignment: GroupState.Assignment, _ member: MemberID) -> Delivery {
        let handle = assignment.handle
        return Delivery(
            message: assignment.message, topic: handle.topic, position: handle.position,
            deliveryCount: assignment.deliveryCount
        ) { [self] (settlement: Delivery.Settlement) async throws(BrokerError) in
            try await settle(handle, of: member, settlement)
        }
    }

    // MARK: - Settling

    private func settle(
        _ handle: GroupState.Handle, of member: MemberID, _ settlement: Delivery.Settlement
    ) async throws(BrokerError) {
        let now = clock.now()
        let (isOwn, changes) = change { group in
            let isOwn = group.settle(handle, of: member, settlement, now: now)
            return (isOwn, group.shouldPersist(now: now) ? group.takeChanges() : [])
        }
        guard isOwn else {
            throw BrokerError(.staleDelivery, detail: "\(handle.topic) \(handle.position) in group \(name)")
        }
        await store(changes)
    }

    /// Stores positions. Where that fails they are stored later: until then a crash costs repetitions, no
    /// message.
    private func store(_ changes: [GroupState.Change]) async {
        guard !changes.isEmpty else { return }
        do {
            try await log.store(changes, group: name)
        } catch {
            let now = clock.now()
            change { $0.restoreChanges(changes, now: now) }
            logger.warning("storing the positions of group \(name): \(error)")
        }
    }

    // MARK: - Leaving

    /// Removes a member; what it holds goes to the others.
    func leave(_ member: MemberID) async {
        let woken = change { $0.removeMember(member) }
        resume(woken)
        await persist()
    }

    /// Removes every member and stores the positions. The log must stay open until this returns.
    func close() async {
        let woken = shell.withLock { shell in
            shell.isClosed = true
            shell.timer?.task.cancel()
            shell.timer = nil
            return shell.group.removeAllMembers()
        }
        resume(woken)
        await persist()
    }

    private func persist() async {
        let changes = shell.withLock { $0.group.takeChanges() }
        await store(changes)
    }

    // MARK: - Waking

    /// Changes the state, and wakes who can go on because of it.
    private func change<R: Sendable>(_ body: (inout GroupState) -> R) -> R {
        let (result, continuation) = shell.withLock { shell in
            let result = body(&shell.group)
            let continuation = shell.group.takeWakeable().flatMap {
                shell.continuations.removeValue(forKey: $0)
            }
            arm(&shell)
            return (result, continuation)
        }
        continuation?.resume()
        return result
    }

    private func resume(_ waiters: [WaiterID]) {
        let continuations = shell.withLock { shell in
            waiters.compactMap { shell.continuations.removeValue(forKey: $0) }
        }
        for continuation in continuations { continuation.resume() }
    }

    /// Sees to it that the timer fires at the state's next deadline.
    private func arm(_ shell: inout Shell) {
        guard !shell.isClosed, let due = shell.group.nextDeadline else { return }
        if let timer = shell.timer, timer.due <= due { return }
        shell.timer?.task.cancel()
        let delay = due - clock.now()
        // Unstructured, because no caller outlives the delay; `close` cancels it.
        shell.timer = (
            due,
            Task { [weak self, clock] in
                guard (try? await clock.sleep(for: delay)) != nil else { return }
                await self?.timerFired(due: due)
            }
        )
    }

    private func timerFired(due: Timestamp) async {
        let now = clock.now()
        let changes = shell.withLock { shell in
            // A later timer may have taken the place of this one already.
            if shell.timer?.due == due { shell.timer = nil }
            return shell.group.shouldPersist(now: now) ? shell.group.takeChanges() : []
        }
        change { $0.promoteDue(now: now) }
        await store(changes)
    }
}
