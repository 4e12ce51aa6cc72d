import Foundation
import SoukBroker
import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukPagination
import SoukTesting
import SoukTime
import Testing

@testable import SoukNotification

@Suite struct NotificationTests {
    let now = Timestamp(microseconds: 1_780_000_000_000_000)
    let user = UserID()

    func store() async throws -> NotificationStore {
        let database = try await TestDatabase.make()
        try await Migrator.migrate(database, NotificationMigrations.all, set: "notification")
        return NotificationStore(database: database)
    }

    func draft(_ kind: NotificationKind = .orderPaid, to user: UserID? = nil) -> Draft {
        Draft(userID: user ?? self.user, kind: kind, title: "Title", text: "Text", subject: ["order_id": "1"])
    }

    @Test func oneMessagePerEventUserAndKind() async throws {
        let store = try await store()
        let other = UserID()
        for _ in 0..<3 {
            try await store.database.transaction { tx in
                try await store.insert(draft(), eventID: "e1", at: now, in: tx)
                try await store.insert(draft(to: other), eventID: "e1", at: now, in: tx)
            }
        }
        let page = try await store.list(of: user, kind: nil, unreadOnly: false, try PageRequest())
        #expect(page.totalCount == 1 && page.items.first?.subject == ["order_id": "1"])
        #expect(try await store.emails.due(at: now, limit: 10).count == 2)
    }

    @Test func readingIsPerUserAndKeepsTheFirstTime() async throws {
        let store = try await store()
        try await store.database.transaction { tx in
            try await store.insert(draft(), eventID: "e1", at: now, in: tx)
            try await store.insert(draft(.shipped), eventID: "e2", at: now, in: tx)
        }
        let id = try #require(
            try await store.list(of: user, kind: .orderPaid, unreadOnly: true, try PageRequest()).items.first?
                .id)
        #expect(try await store.mark(id, of: UserID(), read: true, at: now) == nil)
        #expect(try await store.unreadCount(of: user) == 2)
        #expect(try await store.mark(id, of: user, read: true, at: now)?.readAt == now)
        #expect(try await store.mark(id, of: user, read: true, at: now + .seconds(9))?.readAt == now)
        #expect(try await store.unreadCount(of: user) == 1)
        #expect(try await store.mark(id, of: user, read: false, at: now)?.readAt == nil)
        #expect(try await store.markAllRead(of: user, at: now) == 2)
    }

    @Test func oldMessagesGoWithTheirMail() async throws {
        let store = try await store()
        try await store.database.transaction { tx in
            try await store.insert(draft(), eventID: "old", at: now, in: tx)
            try await store.insert(draft(), eventID: "new", at: now + .seconds(10), in: tx)
        }
        #expect(try await store.purge(before: now + .seconds(5)) == 1)
        #expect(try await store.emails.due(at: now + .seconds(60), limit: 10).count == 1)
    }

    @Test func aUserKeepsTheNewestMessages() async throws {
        let store = try await store()
        let other = UserID()
        try await store.database.transaction { tx in
            for number in 0..<6 {
                try await store.insert(draft(.shipped), eventID: "e\(number)", at: now, in: tx)
            }
            try await store.insert(draft(to: other), eventID: "o", at: now, in: tx)
        }
        let before = try await store.list(of: user, kind: nil, unreadOnly: false, try PageRequest()).items
        #expect(try await store.trim(toNewest: 6) == 0)
        // Mail that is to be sent keeps its message.
        let waiting = try #require(before.last).id
        try await store.database.execute(
            "UPDATE emails SET state = 'sent' WHERE notification_id <> \(waiting)")
        #expect(try await store.trim(toNewest: 4) == 1)
        let after = try await store.list(of: user, kind: nil, unreadOnly: false, try PageRequest()).items
        #expect(after.map(\.id) == before.prefix(4).map(\.id) + [waiting])
        #expect(try await store.unreadCount(of: other) == 1)
    }

    @Test func everyKindHasWords() throws {
        let catalogue = try MessageCatalogue()
        for kind in NotificationKind.allCases {
            let draft = catalogue.draft(kind, to: user)
            #expect(!draft.title.isEmpty)
            #expect(!draft.title.contains("{{") && !draft.text.contains("{{"))
        }
    }

    @Test func optionalPartsAppearOnlyWithTheirValue() throws {
        let catalogue = try MessageCatalogue()
        let values = ["number": "S-1", "carrier": "Post & Co"]
        #expect(catalogue.draft(.shipped, to: user, values: values).text == "It travels with Post & Co.")
        #expect(
            catalogue.draft(.shipped, to: user, values: values.merging(["tracking": "T"]) { $1 }).text
                == "It travels with Post & Co under the number T.")
        #expect(
            catalogue.draft(.shipped, to: user, values: values.merging(["tracking": ""]) { $1 }).text
                == "It travels with Post & Co.")
    }
}
