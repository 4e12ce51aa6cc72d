import Logging
import ServiceLifecycle
import SoukService
import SoukTesting
import Synchronization
import Testing

private struct Failure: Error {}

/// Counts runs and lets tests wait for one.
private actor Runs {
    private var count = 0
    private var waiters: [(Int, CheckedContinuation<Void, Never>)] = []

    func add() -> Int {
        count += 1
        let ready = waiters.filter { $0.0 <= count }
        waiters.removeAll { $0.0 <= count }
        for waiter in ready { waiter.1.resume() }
        return count
    }

    func reach(_ wanted: Int) async {
        guard count < wanted else { return }
        await withCheckedContinuation { waiters.append((wanted, $0)) }
    }

    var total: Int { count }
}

@Suite(.timeLimit(.minutes(1))) struct PeriodicJobTests {
    private let clock = ManualClock()
    private let runs = Runs()

    private func running(_ job: PeriodicJob, _ test: () async throws -> Void) async throws {
        let group = ServiceGroup(services: [job], logger: .init(label: "test"))
        async let life: Void = group.run()
        try await test()
        await group.triggerGracefulShutdown()
        try await life
    }

    @Test func runsAtStartAndAfterEveryInterval() async throws {
        let job = PeriodicJob(name: "test", every: .seconds(10), clock: clock) { [runs] in
            _ = await runs.add()
        }
        try await running(job) {
            await runs.reach(1)
            for run in 2...4 {
                await clock.sleepers()
                clock.advance(by: .seconds(10))
                await runs.reach(run)
            }
            await clock.sleepers()
            clock.advance(by: .seconds(9))
        }
        #expect(await runs.total == 4)
    }

    @Test func wakingRunsItAtOnce() async throws {
        let job = PeriodicJob(name: "test", every: .seconds(10), clock: clock) { [runs] in
            _ = await runs.add()
        }
        try await running(job) {
            await runs.reach(1)
            await clock.sleepers()
            job.wake()
            await runs.reach(2)
        }
        #expect(await runs.total == 2)
    }

    @Test func aWakeUpWhileItWorksIsNotLost() async throws {
        let started = TestSignal()
        let goOn = TestSignal()
        let job = PeriodicJob(name: "test", every: .seconds(10), clock: clock) { [runs] in
            if await runs.add() == 1 {
                started.fire()
                await goOn.wait()
            }
        }
        try await running(job) {
            await started.wait()
            job.wake()
            job.wake()
            goOn.fire()
            await runs.reach(2)
            await clock.sleepers()
        }
        #expect(await runs.total == 2)
    }

    @Test func failuresAreTriedAgainEverLater() async throws {
        let job = PeriodicJob(name: "test", every: .seconds(600), clock: clock) { [runs] in
            if await runs.add() <= 3 { throw Failure() }
        }
        try await running(job) {
            await runs.reach(1)
            for (run, delay) in [(2, 1), (3, 2), (4, 4), (5, 600)] {
                await clock.sleepers()
                clock.advance(by: .seconds(delay) - .milliseconds(1))
                #expect(await runs.total == run - 1)
                clock.advance(by: .milliseconds(1))
                await runs.reach(run)
            }
        }
    }

    @Test func aRunThatOutlastsAShutdownIsCancelled() async throws {
        let started = TestSignal()
        let cancelled = TestSignal()
        let job = PeriodicJob(name: "test", every: .seconds(10), clock: clock) { [clock] in
            started.fire()
            do {
                while true { try await clock.sleep(for: .seconds(3_600)) }
            } catch {
                cancelled.fire()
            }
        }
        let group = ServiceGroup(services: [job], logger: .init(label: "test"))
        async let life: Void = group.run()
        await started.wait()
        await group.triggerGracefulShutdown()
        await clock.sleepers(atLeast: 2)
        clock.advance(by: PeriodicJob.shutdownGrace)
        await cancelled.wait()
        try await life
    }

    @Test func shutdownWaitsForTheRun() async throws {
        let started = TestSignal()
        let goOn = TestSignal()
        let finished = TestSignal()
        let job = PeriodicJob(name: "test", every: .seconds(10), clock: clock) {
            started.fire()
            await goOn.wait()
            #expect(!Task.isCancelled)
            finished.fire()
        }
        let group = ServiceGroup(services: [job], logger: .init(label: "test"))
        async let life: Void = group.run()
        await started.wait()
        await group.triggerGracefulShutdown()
        goOn.fire()
        try await life
        #expect(finished.hasFired)
    }
}
