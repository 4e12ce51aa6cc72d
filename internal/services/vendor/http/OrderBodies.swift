import SoukAPI
import SoukIDs
import SoukIdentifiers

/// A line and how many of it, in shipments and returns.
struct LineQuantityBody: RequestBody {
    let line: LineQuantity

    init(_ fields: FieldReader) {
        line = LineQuantity(
            lineID: fields.id("line_id"), quantity: fields.int("quantity", in: 1...1_000_000_000))
    }
}

/// `POST /api/v1/vendor-orders/{id}/shipments`.
struct ShipmentBody: RequestBody {
    let parcel: Fulfilment.Parcel

    init(_ fields: FieldReader) {
        parcel = Fulfilment.Parcel(
            carrier: fields.string("carrier", length: 1...80, text: .line),
            trackingNumber: fields.optionalString("tracking_number", length: 1...100, text: .line),
            lines: fields.lines(fields.optionalArray("lines", count: 1...1_000)))
    }
}

/// `POST /api/v1/vendor-orders/{id}/returns`.
struct ReturnBody: RequestBody {
    let lines: [LineQuantity]
    let reason: String

    init(_ fields: FieldReader) {
        lines = fields.lines(fields.array("lines", count: 1...1_000)) ?? []
        reason = fields.string("reason", length: 1...1_000)
    }
}

/// `POST /api/v1/returns/{id}/approve`; the body may be left out.
struct ApprovalBody: RequestBody {
    let restock: Bool

    init(_ fields: FieldReader) {
        restock = fields.bool("restock", default: true)
    }
}

/// `POST /api/v1/returns/{id}/reject`.
struct RejectionBody: RequestBody {
    let reason: String

    init(_ fields: FieldReader) {
        reason = fields.string("reason", length: 1...500)
    }
}

extension FieldReader {
    /// Lines that must name each line of the order once.
    fileprivate func lines(_ bodies: [LineQuantityBody]?) -> [LineQuantity]? {
        guard let lines = bodies?.map(\.line) else { return nil }
        var seen: Set<OrderLineID> = []
        for (index, line) in lines.enumerated() where !seen.insert(line.lineID).inserted {
            fail("lines[\(index)].line_id", code: "duplicate", "Each line can be there once.")
        }
        return lines
    }
}
