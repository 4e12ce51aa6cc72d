import SoukDatabase
import SoukHTTP
import SoukTesting
import Synchronization
import Testing

@testable import SoukProduct

/// What is remembered of the shelf, and for how long.
@Suite struct ShelfPagesTests {
    private let changes = CatalogueChanges()
    private let made = Made()

    private final class Made: Sendable {
        private let count = Atomic(0)
        /// A page that says how many were made before it.
        func page() throws -> Reply { try .ok(count.add(1, ordering: .relaxed).oldValue) }
    }

    private func change() async throws {
        let database = try await TestDatabase.make(sets: [:])
        try await database.transaction { changes.note(in: $0) }
    }

    @Test func aPageIsGivenAgainUntilSomethingChanges() async throws {
        let pages = ShelfPages(changes: changes)
        let first = try await pages.reply(to: "size=20") { try made.page() }
        #expect(try await pages.reply(to: "size=20") { try made.page() }.body == first.body)
        #expect(try await pages.reply(to: "size=21") { try made.page() }.body != first.body)
        try await change()
        #expect(try await pages.reply(to: "size=20") { try made.page() }.body != first.body)
    }

    @Test func whatWasReadBeforeAChangeIsNotGivenAfterIt() async throws {
        let pages = ShelfPages(changes: changes)
        let old = try await pages.reply(to: "") {
            let page = try made.page()
            try await change()
            return page
        }
        #expect(try await pages.reply(to: "") { try made.page() }.body != old.body)
    }

    @Test func aRollbackChangesNothing() async throws {
        // Made first: it may take longer than a page is remembered.
        let database = try await TestDatabase.make(sets: [:])
        let pages = ShelfPages(changes: changes)
        let first = try await pages.reply(to: "") { try made.page() }
        await #expect(throws: CancellationError.self) {
            try await database.transaction {
                changes.note(in: $0)
                throw CancellationError()
            }
        }
        #expect(try await pages.reply(to: "") { try made.page() }.body == first.body)
    }

    @Test func failuresAndLongQueriesAreNotRemembered() async throws {
        let pages = ShelfPages(changes: changes)
        await #expect(throws: ProductError.self) {
            try await pages.reply(to: "") { throw ProductError.unknownProduct }
        }
        let first = try await pages.reply(to: "") { try made.page() }
        #expect(try await pages.reply(to: "") { try made.page() }.body == first.body)
        let long = String(repeating: "q", count: 300)
        let once = try await pages.reply(to: long) { try made.page() }
        #expect(try await pages.reply(to: long) { try made.page() }.body != once.body)
    }
}
