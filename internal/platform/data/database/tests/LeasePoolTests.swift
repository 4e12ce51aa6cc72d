import SoukDatabase
import SoukTesting
import Testing

@Suite(.timeLimit(.minutes(1))) struct LeasePoolTests {
    private let clock = ManualClock()

    @Test func aWaitEndsWhenItsTimeIsUp() async throws {
        let pool = LeasePool("thing", [1], waiterLimit: 9, acquireTimeout: .seconds(5), clock: clock)
        let thing = try await pool.acquire()
        let late = Task { try await pool.acquire() }
        await clock.sleepers()
        clock.advance(by: .seconds(5))
        let error = await #expect(throws: DatabaseError.self) { try await late.value }
        #expect(error?.reason == .busy)
        pool.release(thing)
        #expect(try await pool.acquire() == 1)
    }

    @Test func aWaitThatIsGrantedLeavesNoSleeper() async throws {
        let pool = LeasePool("thing", [1], waiterLimit: 9, acquireTimeout: .seconds(5), clock: clock)
        let thing = try await pool.acquire()
        async let next = pool.acquire()
        await clock.sleepers()
        pool.release(thing)
        #expect(try await next == 1)
        clock.advance(by: .seconds(5))
        pool.release(1)
        await pool.close()
        #expect(pool.takeAll() == [1])
    }

    @Test func cancellationEndsAWait() async throws {
        let pool = LeasePool("thing", [1], waiterLimit: 9, acquireTimeout: .seconds(5), clock: clock)
        _ = try await pool.acquire()
        let task = Task { try await pool.acquire() }
        await clock.sleepers()
        task.cancel()
        let error = await #expect(throws: DatabaseError.self) { try await task.value }
        #expect(error?.reason == .cancelled)
    }
}
