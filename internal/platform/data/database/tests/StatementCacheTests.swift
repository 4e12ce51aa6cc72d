import SoukDatabase
import Testing

@Suite struct StatementCacheTests {
    @Test func theLeastRecentlyUsedGivesWay() {
        var cache = StatementCache<Int>(capacity: 2)
        func insert(_ statement: Int, _ text: String) -> Int? { cache.insert(statement, for: text) }
        func find(_ text: String) -> Int? { cache.statement(for: text) }
        #expect(insert(1, "a") == nil)
        #expect(insert(2, "b") == nil)
        #expect(find("a") == 1)
        #expect(insert(3, "c") == 2)
        #expect(find("b") == nil)
        #expect(find("a") == 1)
        #expect(find("c") == 3)
        cache.remove("a")
        #expect(insert(4, "d") == nil)
        cache.removeAll()
        #expect(find("d") == nil)
    }
}
