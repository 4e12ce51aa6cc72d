import SoukErrors
import SoukPagination
import SoukTesting
import Testing

@Suite struct PageTests {
    @Test func defaultsToTheFirstTwenty() throws {
        let request = try PageRequest()
        #expect(request.page == 1)
        #expect(request.size == 20)
        #expect(request.offset == 0)
    }

    @Test func offsetSkipsEarlierPages() throws {
        #expect(try PageRequest(page: 3, size: 25).offset == 50)
        #expect(try PageRequest(page: .max, size: 100).offset == .max)
    }

    @Test(arguments: [
        (0, 20, ["page"]), (-1, 20, ["page"]), (1, 0, ["size"]), (1, 101, ["size"]),
        (0, 0, ["page", "size"]),
    ])
    func refusesOthers(_ page: Int, _ size: Int, _ fields: [String]) {
        do throws(ValidationError) {
            _ = try PageRequest(page: page, size: size)
            Issue.record("page \(page) of size \(size) was taken")
        } catch {
            #expect(error.fieldErrors.map(\.field) == fields)
            #expect(error.kind == .invalid)
        }
    }

    @Test(arguments: [
        (0, 0, false), (1, 1, false), (20, 1, false), (21, 2, true), (40, 2, true), (41, 3, true),
    ])
    func countsPages(_ total: Int, _ pages: Int, _ more: Bool) throws {
        let page = Page(items: [1], request: try PageRequest(), totalCount: total)
        #expect(page.totalPages == pages)
        #expect(page.hasMore == more)
        #expect(page.map { "\($0)" } == Page(items: ["1"], request: page.request, totalCount: total))
    }

    @Test func pagesCoverTheListOnce() throws {
        var random = SeededGenerator(seed: 10)
        for _ in 0..<300 {
            let list = Array(0..<Int.random(in: 0...350, using: &random))
            let size = Int.random(in: 1...100, using: &random)
            var seen: [Int] = []
            var number = 1
            while true {
                let request = try PageRequest(page: number, size: size)
                let page = Page(
                    items: Array(list.dropFirst(request.offset).prefix(size)), request: request,
                    totalCount: list.count)
                seen += page.items
                guard page.hasMore else { break }
                number += 1
            }
            #expect(seen == list)
        }
    }
}

@Suite struct CursorTests {
    @Test func readsWhatItWrites() {
        var random = SeededGenerator(seed: 11)
        let alphabet = Array("aZ09-_./\\\"' \n\u{0}é漢🙂{}[],:")
        for _ in 0..<3_000 {
            let fields = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                String(
                    (0..<Int.random(in: 0...20, using: &random)).compactMap { _ in
                        alphabet.randomElement(using: &random)
                    })
            }
            let cursor = Cursor(fields: fields)
            #expect(Cursor(encoded: cursor.encoded) == cursor)
            #expect(
                cursor.encoded.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) })
        }
    }

    @Test func damagedTextIsRefusedOrAnotherCursor() {
        var random = SeededGenerator(seed: 12)
        let original = Cursor(fields: ["2026-02-28T22:59:59.250000Z", "01890a5d-ac96-774b-bcce-b302099a8057"])
        for _ in 0..<3_000 {
            var bytes = Array(original.encoded.utf8)
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
                in: 0x20...0x7e, using: &random)
            let text = String(decoding: bytes, as: UTF8.self)
            if let cursor = Cursor(encoded: text) { #expect(cursor.encoded == text) }
        }
    }

    @Test(arguments: ["", "!", "bm9wZQ", "eyJhIjoxfQ", "WzFd", "W10=", "WyJhIl0 ", "WyJhIl1", "WyAiYSJd"])
    func refusesOtherText(_ text: String) {
        #expect(Cursor(encoded: text) == nil)
    }

    @Test func refusesVeryLongText() {
        let cursor = Cursor(fields: [String(repeating: "x", count: 5_000)])
        #expect(Cursor(encoded: cursor.encoded) == nil)
    }

    @Test(arguments: [0, -1, 101])
    func limitsAreBounded(_ limit: Int) {
        #expect(throws: ValidationError.self) { try CursorRequest(limit: limit) }
    }

    @Test func readingOneMoreTellsWhetherThereIsMore() {
        func cursor(_ item: Int) -> Cursor { Cursor(fields: ["\(item)"]) }
        let full = CursorPage(reading: [1, 2, 3], limit: 2, cursor: cursor)
        #expect(full == CursorPage(items: [1, 2], next: cursor(2)))
        #expect(full.map { $0 * 10 }.items == [10, 20])
        #expect(
            CursorPage(reading: [1, 2], limit: 2, cursor: cursor) == CursorPage(items: [1, 2], next: nil))
        #expect(CursorPage(reading: [], limit: 2, cursor: cursor).next == nil)
    }
}
