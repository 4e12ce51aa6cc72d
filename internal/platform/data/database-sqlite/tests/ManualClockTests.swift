import SoukTesting
import SoukTime
import Testing

@Suite(.timeLimit(.minutes(1))) struct ManualClockTests {
    @Test func sleepersWakeWhenTheirTimeHasPassed() async throws {
        let clock = ManualClock()
        let start = clock.now()
        let isAwake = TestSignal()
        let sleeper = Task {
            try await clock.sleep(for: .seconds(10))
            isAwake.fire()
        }
        await clock.sleepers()
        clock.advance(by: .seconds(9))
        #expect(!isAwake.hasFired)
        clock.advance(by: .seconds(1))
        try await sleeper.value
        #expect(clock.now() == start + .seconds(10))
    }

    @Test func sleepEndsWithItsTask() async {
        let clock = ManualClock()
        let sleeper = Task { try await clock.sleep(for: .seconds(10)) }
        await clock.sleepers()
        sleeper.cancel()
        await #expect(throws: CancellationError.self) { try await sleeper.value }
    }
}
