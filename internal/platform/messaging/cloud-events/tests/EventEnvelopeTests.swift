import SoukCloudEvents
import SoukErrors
import SoukIDs
import SoukTime
import Testing

private struct StockMoved: Event, Equatable {
    static let type = "stock.moved.v1"
    static let topic = "stock"
    var stockItemId: String
    var byAmount: Int
    var note: String?
    var ratio = 1.0

    var key: String { stockItemId }
}

@Suite struct EventEnvelopeTests {
    private func envelope(traceparent: String? = nil) throws -> EventEnvelope {
        try EventEnvelope(
            StockMoved(stockItemId: "s-1", byAmount: -3, note: nil), id: EventID().description,
            source: "vendor",
            time: Timestamp(microseconds: 1_700_000_000_123_456), traceparent: traceparent)
    }

    @Test(arguments: [nil, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"])
    func `headers and body carry everything`(traceparent: String?) throws {
        let envelope = try envelope(traceparent: traceparent)
        let read = try EventEnvelope(headers: envelope.headers(), payload: envelope.data)
        #expect(read == envelope)
        #expect(read.subject == "s-1")
        #expect(try read.decode(StockMoved.self) == StockMoved(stockItemId: "s-1", byAmount: -3, note: nil))
    }

    @Test func `headers are those of the Kafka binary binding`() throws {
        let headers = try envelope(traceparent: "tp").headers()
        #expect(headers["ce_specversion"] == "1.0")
        #expect(headers["ce_type"] == "stock.moved.v1")
        #expect(headers["ce_source"] == "vendor")
        #expect(headers["ce_subject"] == "s-1")
        #expect(headers["ce_time"] == Timestamp(microseconds: 1_700_000_000_123_456).rfc3339)
        #expect(headers["ce_traceparent"] == "tp")
        #expect(headers["content-type"] == "application/json")
        #expect(headers.count == 8)
    }

    @Test func `data is snake case JSON`() throws {
        let data = try envelope().data
        #expect(String(decoding: data, as: UTF8.self) == #"{"by_amount":-3,"ratio":1,"stock_item_id":"s-1"}"#)
    }

    @Test(arguments: ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time"])
    func `a required attribute that is absent or empty is named`(name: String) throws {
        var headers = try envelope().headers()
        headers[name] = nil
        #expect(throws: EnvelopeError.missingAttribute(name)) {
            try EventEnvelope(headers: headers, payload: [])
        }
        headers[name] = ""
        #expect(throws: EnvelopeError.missingAttribute(name)) {
            try EventEnvelope(headers: headers, payload: [])
        }
    }

    @Test(arguments: [
        ("ce_specversion", "0.3"), ("ce_time", "yesterday"), ("content-type", "application/xml"),
        ("content-type", ""),
    ])
    func `an attribute that cannot be read is named`(name: String, value: String) throws {
        var headers = try envelope().headers()
        headers[name] = value
        #expect(throws: EnvelopeError.invalidAttribute(name, value: value)) {
            try EventEnvelope(headers: headers, payload: [])
        }
    }

    @Test func `a content type may have parameters, or be absent`() throws {
        var headers = try envelope().headers()
        headers["content-type"] = "Application/JSON ; charset=utf-8"
        _ = try EventEnvelope(headers: headers, payload: [])
        headers["content-type"] = nil
        _ = try EventEnvelope(headers: headers, payload: [])
    }

    @Test(arguments: ["", "{", "[]", "{}", #"{"stock_item_id":5,"by_amount":1,"ratio":1}"#])
    func `data of another shape does not decode`(json: String) throws {
        let good = try envelope()
        let bad = try EventEnvelope(headers: good.headers(), payload: [UInt8](json.utf8))
        let error = #expect(throws: EnvelopeError.self) { try bad.decode(StockMoved.self) }
        #expect(error?.code == "event.data_undecodable")
        #expect(error?.kind.isRetryable == false)
    }

    @Test func `a number that JSON does not have is refused`() {
        let event = StockMoved(stockItemId: "s", byAmount: 0, note: nil, ratio: .infinity)
        let error = #expect(throws: EnvelopeError.self) {
            try EventEnvelope(event, id: "1", source: "s", time: Timestamp(microseconds: 0), traceparent: nil)
        }
        #expect(error?.code == "event.data_unencodable")
    }
}
