import SoukAPI
import SoukErrors
import SoukPagination
import Testing

private struct Product: Codable, Sendable, Equatable {
    let displayName: String
    let ownerId: String
    let attributes: [String: String]
}

@Suite struct AnswerTests {
    private func text(_ value: some Encodable) throws -> String {
        String(decoding: try JSONCoding.encode(value), as: UTF8.self)
    }

    @Test func envelopesAreSnakeCaseAndKeepDictionaryKeys() throws {
        let product = Product(displayName: "A/B", ownerId: "1", attributes: ["shoeSize": "8"])
        let json = try text(Envelope(data: product))
        #expect(json.contains("\"display_name\":\"A/B\""))
        #expect(json.contains("\"owner_id\":\"1\""))
        #expect(json.contains("\"shoeSize\":\"8\""))
        #expect(json.contains("\"meta\":{}"))
        #expect(try JSONCoding.decode(Envelope<Product>.self, from: Array(json.utf8)).data == product)
    }

    @Test func pagesSayWhereTheyStand() throws {
        let page = Page(items: [1, 2], request: try PageRequest(page: 2, size: 2), totalCount: 5)
        let meta = Envelope(data: page.items, meta: Meta(page)).meta
        #expect(meta.page == 2)
        #expect(meta.size == 2)
        #expect(meta.totalCount == 5)
        #expect(meta.totalPages == 3)
        #expect(meta.hasMore == true)
        #expect(try text(meta).contains("\"total_count\":5"))
        #expect(try !text(meta).contains("next_cursor"))
    }

    @Test func cursorPagesSayWhereToGoOn() throws {
        let next = Cursor(fields: ["a"])
        #expect(Meta(CursorPage(items: [1], next: next)).nextCursor == next.encoded)
        #expect(Meta(CursorPage(items: [1], next: next)).hasMore == true)
        #expect(try text(Meta(CursorPage(items: [1], next: nil))) == #"{"has_more":false}"#)
    }

    @Test func problemsFollowRFC9457() throws {
        let problem = ProblemDetails(
            status: 409, title: "Conflict", code: "stock.insufficient", detail: "Too few.", requestID: "r1",
            traceID: "t1")
        #expect(problem.type == "urn:souk:problem:stock.insufficient")
        #expect(problem.instance == "urn:souk:request:r1")
        let json = try text(problem)
        #expect(json.contains("\"trace_id\":\"t1\""))
        #expect(!json.contains("errors"))
    }

    @Test(arguments: [
        "null", "true", "1", "-9223372036854775808", "1.5", "\"x\"", "[1,[2]]", #"{"fooBar":{"a_b":[null]}}"#,
    ])
    func anyJSONComesOutAsItWentIn(json: String) throws {
        let value = try #require(JSONValue(json: Array(json.utf8)))
        #expect(try text(["wrapped": value]) == "{\"wrapped\":\(json)}")
    }

    @Test func whatIsNoJSONIsNoValue() {
        #expect(JSONValue(json: [0xFF]) == nil)
        #expect(JSONValue(json: []) == nil)
    }
}
