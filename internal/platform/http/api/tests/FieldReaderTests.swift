import SoukAPI
import SoukErrors
import SoukIDs
import SoukMoney
import Testing

private enum Colour: String, CaseIterable, Sendable {
    case red, green
}

private struct Line: SoukAPI.RequestBody, Equatable {
    let sku: String
    let quantity: Int

    init(_ fields: FieldReader) {
        sku = fields.string("sku", length: 1...8, text: .line)
        quantity = fields.int("quantity", in: 1...10)
    }
}

private struct Everything: SoukAPI.RequestBody {
    let name: String
    let note: String?
    let count: Int
    let agreed: Bool
    let owner: UserID
    let colour: Colour?
    let price: Money?
    let tags: [String]
    let attributes: [String: String]
    let lines: [Line]
    let first: Line?
    let clearsNote: Bool

    init(_ fields: FieldReader) {
        name = fields.string("name", length: 1...10, text: .line)
        note = fields.optionalString("note", length: 0...20)
        count = fields.int("count", in: 0...100)
        agreed = fields.bool("agreed", default: false)
        owner = fields.id("owner_id")
        colour = fields.choice("colour")
        price = fields.money("price")
        tags = fields.strings("tags", count: 0...3, each: 1...5)
        attributes = fields.stringMap("attributes", maxCount: 2)
        lines = fields.array("lines", count: 1...3)
        first = fields.optionalObject("first")
        clearsNote = fields.has("note") && note == nil
        if count == 13 { fields.fail("count", code: "unlucky", "Not thirteen.") }
    }
}

private let owner = "0190d5f0-7c8a-7a3b-8f1e-0123456789ab"

/// A body that is right but for the members replaced.
private func json(_ replaced: [String: String] = [:], without: String? = nil) -> [UInt8] {
    var members = [
        "name": "\"Ann\"", "count": "3", "owner_id": "\"\(owner)\"", "colour": "\"red\"",
        "price": #"{"amount": 1999, "currency": "GBP"}"#, "tags": #"["a", "b"]"#,
        "attributes": #"{"shoe_size": "8", "Colour": "red"}"#, "lines": #"[{"sku": "A1", "quantity": 2}]"#,
    ]
    members.merge(replaced) { $1 }
    if let without { members[without] = nil }
    return Array("{\(members.map { "\"\($0)\": \($1)" }.joined(separator: ", "))}".utf8)
}

private func failure(_ body: [UInt8]) -> ValidationError? {
    do {
        _ = try JSONCoding.decodeBody(Everything.self, from: body)
        return nil
    } catch {
        return error
    }
}

@Suite struct FieldReaderTests {
    @Test func readsEveryKindOfField() throws {
        let body = try JSONCoding.decodeBody(Everything.self, from: json(["note": "null"]))
        #expect(body.name == "Ann")
        #expect(body.note == nil)
        #expect(body.clearsNote)
        #expect(body.count == 3)
        #expect(!body.agreed)
        #expect(body.owner.description == owner)
        #expect(body.colour == .red)
        #expect(body.price?.amount == 1999)
        #expect(body.price?.currency.code == "GBP")
        #expect(body.tags == ["a", "b"])
        #expect(body.attributes == ["shoe_size": "8", "Colour": "red"])
        #expect(body.lines.first?.sku == "A1")
        #expect(body.first == nil)
    }

    @Test(arguments: [
        ("name", "7", "name", "type"),
        ("name", "[]", "name", "type"),
        ("count", "\"3\"", "count", "type"),
        ("count", "1.5", "count", "type"),
        ("count", "true", "count", "type"),
        ("agreed", "1", "agreed", "type"),
        ("owner_id", "5", "owner_id", "type"),
        ("colour", "{}", "colour", "type"),
        ("price", "12", "price", "type"),
        ("price", #"{"amount": "1", "currency": "GBP"}"#, "price.amount", "type"),
        ("price", #"{"amount": 1, "currency": "GBP", "tax": 1}"#, "price.tax", "unknown"),
        ("tags", "\"a\"", "tags", "type"),
        ("tags", "[\"a\", 1]", "tags[1]", "type"),
        ("attributes", "[]", "attributes", "type"),
        ("attributes", #"{"a": 1}"#, "attributes.a", "type"),
        ("lines", "{}", "lines", "type"),
        ("lines", "[3]", "lines[0]", "type"),
        ("lines", #"[{"sku": "A", "quantity": 1}, {"sku": 1, "quantity": 1}]"#, "lines[1].sku", "type"),
        ("first", "[]", "first", "type"),
        ("nickname", "1", "nickname", "unknown"),
        ("first", #"{"sku": "A", "quantity": 1, "x": 1}"#, "first.x", "unknown"),
    ])
    func wrongTypesAndUnknownFieldsAreMalformed(field: String, value: String, path: String, code: String) {
        let error = failure(json([field: value]))
        #expect(error?.kind == .invalid)
        #expect(error?.code == "request.invalid")
        #expect(error?.fieldErrors.map(\.field) == [path])
        #expect(error?.fieldErrors.map(\.code) == [code])
    }

    @Test(arguments: [
        ("name", "\"\"", "name", "length"),
        ("name", "\"12345678901\"", "name", "length"),
        ("name", "\" Ann\"", "name", "characters"),
        ("name", "\"A\\nB\"", "name", "characters"),
        ("name", "null", "name", "required"),
        ("note", "\"a\\u0000b\"", "note", "characters"),
        ("note", "\"a\\u001bb\"", "note", "characters"),
        ("count", "101", "count", "range"),
        ("count", "-1", "count", "range"),
        ("count", "9223372036854775808", "count", "range"),
        ("count", "1e300", "count", "range"),
        ("count", "13", "count", "unlucky"),
        ("owner_id", "\"x\"", "owner_id", "format"),
        ("colour", "\"blue\"", "colour", "choice"),
        ("price", #"{"amount": -1, "currency": "GBP"}"#, "price.amount", "range"),
        ("price", #"{"amount": 1, "currency": "XYZ"}"#, "price.currency", "currency"),
        ("price", #"{"amount": 1}"#, "price.currency", "required"),
        ("tags", "[\"a\",\"b\",\"c\",\"d\"]", "tags", "count"),
        ("tags", "[\"toolong\"]", "tags[0]", "length"),
        ("attributes", #"{"a":"1","b":"2","c":"3"}"#, "attributes", "count"),
        ("lines", "[]", "lines", "count"),
        (
            "lines", #"[{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 11}]"#, "lines[1].quantity",
            "range"
        ),
        ("lines", #"[{"sku": "A"}]"#, "lines[0].quantity", "required"),
    ])
    func brokenRulesAreUnprocessable(field: String, value: String, path: String, code: String) {
        let error = failure(json([field: value]))
        #expect(error?.kind == .unprocessable)
        #expect(error?.code == "validation.failed")
        #expect(error?.fieldErrors.map(\.field) == [path])
        #expect(error?.fieldErrors.map(\.code) == [code])
    }

    @Test(arguments: ["name", "count", "owner_id", "colour", "price", "tags", "lines"])
    func missingFieldsAreNamed(field: String) {
        let error = failure(json(without: field))
        #expect(error?.kind == .unprocessable)
        #expect(error?.fieldErrors.map(\.field) == [field])
        #expect(error?.fieldErrors.map(\.code) == ["required"])
    }

    @Test func reportsAllErrorsAtOnceAndOneWrongTypeMakesItMalformed() {
        let error = failure(json(["name": "\"\"", "count": "\"x\"", "colour": "\"blue\""]))
        #expect(error?.kind == .invalid)
        #expect(error?.fieldErrors.map(\.field) == ["name", "count", "colour"])
    }

    @Test(arguments: [
        "", "{", "[]", "null", "3", "\"x\"", "{\"name\": }", "{} {}", "\u{0}", #"{"name": "\ud800"}"#,
        String(repeating: "[", count: 100_000),
    ])
    func whatIsNoObjectIsMalformed(text: String) {
        let error = failure(Array(text.utf8))
        #expect(error?.kind == .invalid)
        #expect(error?.fieldErrors.isEmpty == false)
    }

    @Test func invalidUTF8IsMalformed() {
        #expect(failure(Array(#"{"name": ""#.utf8) + [0xC3, 0x28] + Array("\"}".utf8))?.kind == .invalid)
    }

    @Test func wholeNumbersMayBeWrittenAsReals() throws {
        #expect(try JSONCoding.decodeBody(Everything.self, from: json(["count": "4.0"])).count == 4)
        #expect(try JSONCoding.decodeBody(Everything.self, from: json(["count": "1e1"])).count == 10)
    }

    @Test func bytesAreBoundedAsWellAsCharacters() {
        let heavy = "e" + String(repeating: "\u{301}", count: 30)
        #expect(heavy.count == 1)
        #expect(failure(json(["name": "\"\(heavy)\""]))?.fieldErrors.map(\.code) == ["length"])
        #expect(failure(json(["name": "\"\(String(repeating: "😀", count: 10))\""])) == nil)
    }

    @Test func theNumberOfReportedErrorsIsBounded() {
        let many = Dictionary(uniqueKeysWithValues: (0..<500).map { ("unknown_\($0)", "1") })
        #expect(failure(json(many))?.fieldErrors.count == 100)
    }
}
