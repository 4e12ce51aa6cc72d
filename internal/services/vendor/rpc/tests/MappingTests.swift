import GRPCCore
import SoukCallContext
import SoukErrors
import SoukIDs
import SoukIdentifiers
import SoukProto
import SoukRPCRuntime
import SoukVendorKernel
import SwiftProtobuf
import Testing

@testable import SoukVendorRPC

@Suite struct MappingTests {
    private let request = ReservationRequest(
        orderID: OrderID(), holder: "customer", lines: [.init(storeID: StoreID(), sku: "a", quantity: 2)],
        holdFor: .milliseconds(1_500), holdLargeFor: .milliseconds(500))

    @Test func everyErrorSurvivesTheWire() throws {
        let line = request.lines[0]
        let errors: [VendorKernelError] = [
            .insufficientStock([.init(storeID: line.storeID, sku: "a", requested: 2, available: 1)]),
            .holdTooLarge([.init(storeID: line.storeID, sku: "a", requested: 2, available: 1)]),
            .storeClosed(line.storeID), .reservationEnded(request.orderID), .alreadyShipped(request.orderID),
        ]
        for error in errors {
            let sent = RPCFailure(error.failure(of: request).rpcError)
            #expect(sent.code == error.code && sent.kind == error.kind)
            #expect(String(describing: VendorKernelError(sent, request)) == String(describing: error))
        }
    }

    /// A newer service, another program, a broken trailer: never a crash, never a wrong case.
    @Test func whateverElseComesMeansUnavailable() throws {
        let unknown = ServiceError(.conflict, code: "stock.on_the_moon", message: "New.")
        let failures = [
            RPCFailure(unknown), RPCFailure(RPCError(code: .aborted, message: "")),
            RPCFailure(RPCError(code: .unavailable, message: "")),
            RPCFailure(ServiceError(.conflict, code: "store.closed", message: ""), payload: [0xFF]),
            RPCFailure(ServiceError(.conflict, code: "store.closed", message: "")),
            RPCFailure(
                ServiceError(.conflict, code: "stock.insufficient", message: ""),
                payload: [0x0A, 1, 9, 0x12, 1, 0]),
            RPCFailure(
                ServiceError(.conflict, code: "stock.insufficient", message: ""), payload: [0x0A, 1, 0]),
        ]
        for failure in failures {
            guard case .unavailable = VendorKernelError(failure, request) else {
                Issue.record("\(failure) became \(VendorKernelError(failure, request))")
                continue
            }
        }
    }

    @Test func aRequestSurvivesTheWire() throws {
        #expect(try ReservationRequest(wire: request.wire) == request)
    }

    @Test func malformedRequestsAreRefused() {
        var zero = request.wire
        zero.lines[0].quantity = 0
        var twice = request.wire
        twice.lines.append(twice.lines[0])
        var many = request.wire
        many.lines = (0...1_000).map { number in
            .with {
                $0 = zero.lines[0]; $0.quantity = Int64(number + 1)
            }
        }
        var noHold = request.wire
        noHold.clearHoldFor()
        var noLargeHold = request.wire
        noLargeHold.clearHoldLargeFor()
        var noHolder = request.wire
        noHolder.holder = ""
        var longHolder = request.wire
        longHolder.holder = String(repeating: "h", count: 101)
        var noOrder = request.wire
        noOrder.orderID = "1"
        var none = request.wire
        none.lines = []
        for message in [
            zero, twice, many, noHold, noLargeHold, noHolder, longHolder, noOrder, none,
        ] {
            #expect(throws: MalformedMessage.self) { try ReservationRequest(wire: message) }
        }
    }
}
