import SoukDatabase
import SoukErrors
import Testing

@Suite struct SQLTests {
    @Test func bindsWhatIsInterpolated() {
        let name = "tea'; DROP TABLE products; --"
        let sql: SQL =
            "SELECT * FROM products WHERE name = \(name) AND stock > \(3) AND note IS \(String?.none)"
        #expect(sql.text == "SELECT * FROM products WHERE name = ? AND stock > ? AND note IS ?")
        #expect(sql.bindings == [.text(name), .integer(3), .null])
    }

    @Test func splicesNestsAndLists() {
        let filter: SQL = "price < \(5)"
        let sql: SQL =
            "SELECT id FROM \(raw: "products") WHERE \(sql: filter) AND id IN (\(list: ["a", "b"]))"
        #expect(sql.text == "SELECT id FROM products WHERE price < ? AND id IN (?, ?)")
        #expect(sql.bindings == [.integer(5), .text("a"), .text("b")])
        #expect((filter + " AND stock > \(0)").text == "price < ? AND stock > ?")
        #expect([filter, filter].joined(separator: " OR ").bindings == [.integer(5), .integer(5)])
        #expect([SQL]().joined(separator: ", ").text.isEmpty)
    }

    @Test func anEmptyListIsForTheDriverToSpell() {
        let sql: SQL = "id IN (\(list: [Int]()))"
        #expect(sql.text == "id IN ()")
        #expect(sql.fragments.contains(.emptyList))
    }
}

@Suite struct RowTests {
    private let row = Row(columns: RowColumns(["n", "t", "none"]), values: [.integer(2), .text("x"), .null])

    @Test func convertsExactly() throws {
        try #expect(row.get("n") == 2)
        try #expect(row.get("n") == 2.0)
        try #expect(row.get("t") == "x")
        try #expect(row.get("none", as: String?.self) == nil)
        try #expect(row.get("n", as: Int?.self) == 2)
    }

    @Test(arguments: ["n", "none", "absent"])
    func namesTheColumnThatDoesNotFit(_ column: String) {
        let error = #expect(throws: DatabaseError.self) { try row.get(column, as: String.self) }
        #expect(error?.reason == .decoding)
        #expect(error?.detail?.contains(column) == true)
    }
}

@Suite struct MigrationTests {
    @Test func theChecksumTellsStatementsApart() {
        let one = Migration(1, "a", ["x", "y"])
        #expect(one.checksum(for: .sqlite) == Migration(2, "b", ["x", "y"]).checksum(for: .sqlite))
        for other in [["xy"], ["x"], ["y", "x"], ["x", "y", ""], ["x", "Y"]] {
            #expect(one.checksum(for: .sqlite) != Migration(1, "a", other).checksum(for: .sqlite))
        }
        #expect(one.checksum(for: .sqlite).count == 64)
    }

    @Test func aDatabaseDoesNotMindTheStatementsOfAnother() {
        let before = Migration(1, "a", ["x"])
        let after = Migration(1, "a", sqlite: ["x"], postgres: ["other"])
        #expect(before.checksum(for: .sqlite) == after.checksum(for: .sqlite))
        #expect(before.checksum(for: .postgres) != after.checksum(for: .postgres))
    }
}

@Suite struct DatabaseErrorTests {
    @Test func thePublicMessageTellsNothing() {
        let error = DatabaseError(.uniqueViolation(constraint: "users.email"), detail: "UNIQUE … users.email")
        #expect(error.kind == .conflict)
        #expect(!error.message.contains("users"))
        #expect(error.description.contains("users.email"))
    }
}
