import SoukErrors
import SoukIDs
import SoukIdentifiers
import SoukProto
import SoukRPCRuntime
import SoukVendorKernel
import SwiftProtobuf

extension VendorSummary {
    init(wire: Souk_Vendor_V1_VendorSummary) throws(MalformedMessage) {
        self.init(
            id: try VendorID(wire.id, field: "id"), ownerID: try UserID(wire.ownerID, field: "owner_id"),
            name: wire.name, status: try Status(wire: wire.status))
    }

    var wire: Souk_Vendor_V1_VendorSummary {
        .with {
            $0.id = id.description
            $0.ownerID = ownerID.description
            $0.name = name
            $0.status = status.wire
        }
    }
}

extension VendorSummary.Status {
    init(wire: Souk_Vendor_V1_VendorStatus) throws(MalformedMessage) {
        switch wire {
        case .pending: self = .pending
        case .active: self = .active
        case .suspended: self = .suspended
        case .rejected: self = .rejected
        case .unspecified, .UNRECOGNIZED: throw MalformedMessage("status")
        }
    }

    var wire: Souk_Vendor_V1_VendorStatus {
        switch self {
        case .pending: .pending
        case .active: .active
        case .suspended: .suspended
        case .rejected: .rejected
        }
    }
}

extension VendorSKU {
    var wire: Souk_Vendor_V1_VendorSKU {
        .with {
            $0.vendorID = vendorID.description
            $0.sku = sku
        }
    }
}

extension StockOffer {
    init(wire: Souk_Vendor_V1_StockOffer) throws(MalformedMessage) {
        guard wire.available >= 0 else { throw MalformedMessage("available") }
        self.init(
            vendorID: try VendorID(wire.vendorID, field: "vendor_id"), sku: wire.sku,
            storeID: try StoreID(wire.storeID, field: "store_id"), storeName: wire.storeName,
            available: Int(wire.available))
    }

    var wire: Souk_Vendor_V1_StockOffer {
        .with {
            $0.vendorID = vendorID.description
            $0.sku = sku
            $0.storeID = storeID.description
            $0.storeName = storeName
            $0.available = Int64(available)
        }
    }
}

extension ReservationRequest {
    init(wire: Souk_Vendor_V1_ReserveRequest) throws(MalformedMessage) {
        try MalformedMessage.checkBatch(wire.lines.count, "lines")
        guard !wire.lines.isEmpty else { throw MalformedMessage("lines") }
        var lines: [Line] = []
        var seen: Set<Line> = []
        for (index, line) in wire.lines.enumerated() {
            let store = try StoreID(line.storeID, field: "lines[\(index)].store_id")
            guard (1...Int64(Int32.max)).contains(line.quantity) else {
                throw MalformedMessage("lines[\(index)].quantity")
            }
            guard seen.insert(Line(storeID: store, sku: line.sku, quantity: 0)).inserted else {
                throw MalformedMessage("lines[\(index)].sku")
            }
            lines.append(Line(storeID: store, sku: line.sku, quantity: Int(line.quantity)))
        }
        let hold = try wire.holdFor.duration("hold_for")
        guard hold > .zero else { throw MalformedMessage("hold_for") }
        let holdLarge = try wire.holdLargeFor.duration("hold_large_for")
        guard holdLarge > .zero else { throw MalformedMessage("hold_large_for") }
        guard (1...100).contains(wire.holder.utf8.count) else { throw MalformedMessage("holder") }
        self.init(
            orderID: try OrderID(wire.orderID, field: "order_id"), holder: wire.holder, lines: lines,
            holdFor: hold, holdLargeFor: holdLarge)
    }

    var wire: Souk_Vendor_V1_ReserveRequest {
        .with { request in
            request.orderID = orderID.description
            request.lines = lines.map { line in
                .with {
                    $0.storeID = line.storeID.description
                    $0.sku = line.sku
                    $0.quantity = Int64(line.quantity)
                }
            }
            request.holdFor = .init(holdFor)
            request.holdLargeFor = .init(holdLargeFor)
            request.holder = holder
        }
    }
}

// MARK: - Refusals

extension VendorKernelError {
    /// What is said of the error, and what it carries as a ``Souk_Vendor_V1_VendorKernelFailure``.
    ///
    /// Its message, which may name a thousand SKUs, does not fit in a trailer: the caller makes it again.
    func failure(of request: ReservationRequest?) -> RPCFailure {
        var payload = Souk_Vendor_V1_VendorKernelFailure()
        var text = message
        switch self {
        case .insufficientStock(let shortages), .holdTooLarge(let shortages):
            text = code == "stock.insufficient" ? "There is not enough in stock." : "The hold is too large."
            let lines = Dictionary(
                (request?.lines ?? []).enumerated().map { (VendorKernelError.key($1.storeID, $1.sku), $0) }
            ) { first, _ in first }
            for shortage in shortages {
                guard let line = lines[VendorKernelError.key(shortage.storeID, shortage.sku)] else {
                    continue
                }
                payload.shortLines.append(UInt32(line))
                payload.available.append(Int64(shortage.available))
            }
        case .storeClosed(let store): payload.storeID = store.description
        case .reservationEnded(let order), .alreadyShipped(let order): payload.orderID = order.description
        case .unavailable: break
        }
        let bytes: [UInt8]? = try? payload.serializedBytes()
        return RPCFailure(
            ServiceError(kind, code: code, message: text, detail: detail, retryAfter: retryAfter),
            payload: bytes ?? [])
    }

    /// The error that a failed call stands for; whatever this version can't read means that the service can't be used
    /// now.
    init(_ failure: RPCFailure, _ request: ReservationRequest?) {
        self =
            Self.known(failure, request) ?? .unavailable(failure.logDescription)
    }

    private static func known(_ failure: RPCFailure, _ request: ReservationRequest?) -> VendorKernelError? {
        guard failure.origin == .service,
            let payload = try? Souk_Vendor_V1_VendorKernelFailure(serializedBytes: failure.payload)
        else { return nil }
        switch failure.code {
        case "stock.insufficient", "limit.held_stock":
            guard let lines = request?.lines, !payload.shortLines.isEmpty,
                payload.shortLines.count == payload.available.count
            else { return nil }
            var shortages: [Shortage] = []
            for (index, available) in zip(payload.shortLines, payload.available) {
                guard let line = lines.indices.contains(Int(index)) ? lines[Int(index)] : nil else {
                    return nil
                }
                shortages.append(
                    Shortage(
                        storeID: line.storeID, sku: line.sku, requested: line.quantity,
                        available: Int(available)))
            }
            return failure.code == "stock.insufficient"
                ? .insufficientStock(shortages) : .holdTooLarge(shortages)
        case "store.closed":
            return StoreID(payload.storeID).map { .storeClosed($0) }
        case "stock.reservation_ended":
            return OrderID(payload.orderID).map { .reservationEnded($0) }
        case "order.already_shipped":
            return OrderID(payload.orderID).map { .alreadyShipped($0) }
        default:
            return nil
        }
    }

    private static func key(_ store: StoreID, _ sku: String) -> ReservationRequest.Line {
        ReservationRequest.Line(storeID: store, sku: sku, quantity: 0)
    }
}
