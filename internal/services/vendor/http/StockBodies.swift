import SoukAPI
import SoukText

/// `PUT /api/v1/stores/{id}/inventory`.
struct CountBody: RequestBody {
    struct Item: RequestBody {
        let count: StockCount

        init(_ fields: FieldReader) {
            count = StockCount(
                sku: fields.sku(), onHand: fields.int("on_hand", in: 0...StockKeeping.maximum),
                lowStockThreshold: fields.optionalInt("low_stock_threshold", in: 0...StockKeeping.maximum))
        }
    }

    /// Each SKU once.
    let counts: [StockCount]

    init(_ fields: FieldReader) {
        counts = fields.array("items", count: 1...StockKeeping.maximumItems, of: Item.self).map(\.count)
        var seen: Set<String> = []
        for (index, count) in counts.enumerated() where !count.sku.isEmpty && !seen.insert(count.sku).inserted
        {
            fields.fail("items[\(index)].sku", code: "duplicate", "Each SKU can be there once.")
        }
    }
}

/// `POST /api/v1/stores/{id}/inventory/adjustments`.
struct AdjustmentBody: RequestBody {
    let sku: String
    let delta: Int
    let reason: String

    init(_ fields: FieldReader) {
        sku = fields.sku()
        let delta = fields.optionalInt("delta", in: -StockKeeping.maximum...StockKeeping.maximum)
        if delta == nil, !fields.has("delta") {
            fields.fail("delta", code: "required", "The field is required.")
        } else if delta == 0 {
            fields.fail("delta", code: "range", "The value must not be 0.")
        }
        self.delta = delta ?? 0
        reason = fields.string("reason", length: 1...200, text: .line)
    }
}

extension FieldReader {
    /// A SKU. Commas separate SKUs in queries, so none can have one.
    fileprivate func sku() -> String {
        string("sku", length: 1...100, text: .line) {
            $0.contains(byte: ",") ? "The value must not contain a comma." : nil
        }
    }
}
