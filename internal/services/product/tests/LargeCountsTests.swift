import SoukDatabase
import Testing

@testable import SoukProduct

@Suite struct LargeCountsTests {
    private let counts = LargeCounts()
    private let filter: SQL = "status = \("published")"

    @Test func shortListsAreCountedEachTime() {
        counts.note(LargeCounts.large - 1, of: filter)
        #expect(counts.known(of: filter) == nil)
    }

    @Test func longOnesAreRememberedForAWhile() {
        let now = ContinuousClock.now
        counts.note(LargeCounts.large, of: filter, at: now)
        #expect(counts.known(of: filter, at: now + .seconds(29)) == LargeCounts.large)
        #expect(counts.known(of: "status = \("draft")", at: now) == nil, "another list is another number")
    }

    @Test func oneCallerCountsAnewAndTheOthersGoOn() {
        let now = ContinuousClock.now
        counts.note(20_000, of: filter, at: now)
        #expect(counts.known(of: filter, at: now + .seconds(30)) == nil)
        #expect(counts.known(of: filter, at: now + .seconds(31)) == 20_000)
        counts.note(20_001, of: filter, at: now + .seconds(31))
        #expect(counts.known(of: filter, at: now + .seconds(60)) == 20_001)
    }

    @Test func aListThatBecameShortIsForgotten() {
        counts.note(20_000, of: filter)
        counts.note(3, of: filter)
        #expect(counts.known(of: filter) == nil)
    }
}
