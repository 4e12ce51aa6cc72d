import GRPCCore
import SoukErrors
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPaymentKernel
import SoukRPCRuntime
import SoukTime
import Testing

@testable import SoukPaymentRPC

@Suite struct MappingTests {
    @Test func everyErrorSurvivesTheWire() {
        let order = OrderID()
        let errors: [PaymentKernelError] = [
            .intentMismatch(order), .orderCancelled(order), .providerRefused("card.stolen"),
        ]
        for error in errors {
            let sent = RPCFailure(error.failure.rpcError)
            #expect(sent.code == error.code && sent.kind == error.kind)
            #expect(String(describing: PaymentKernelError(sent)) == String(describing: error))
        }
        // However much the provider had to say.
        let long = PaymentKernelError.providerRefused(String(repeating: "é", count: 9_000))
        guard case .providerRefused = PaymentKernelError(RPCFailure(long.failure.rpcError)) else {
            Issue.record("a long refusal was lost")
            return
        }
    }

    @Test func whateverElseComesMeansUnavailable() {
        let failures = [
            RPCFailure(ServiceError(.conflict, code: "payment.new", message: "")),
            RPCFailure(RPCError(code: .internalError, message: "")),
            RPCFailure(ServiceError(.conflict, code: "payment.mismatch", message: "")),
            RPCFailure(
                ServiceError(.conflict, code: "payment.order_cancelled", message: ""), payload: [0xFF]),
            RPCFailure(PaymentKernelError.unavailable("gone").failure.rpcError),
        ]
        for failure in failures {
            guard case .unavailable = PaymentKernelError(failure) else {
                Issue.record("\(failure)")
                continue
            }
        }
    }

    @Test(arguments: PaymentIntent.State.allCases)
    func anIntentSurvivesTheWire(state: PaymentIntent.State) throws {
        let gbp = try #require(Currency("GBP"))
        for (url, captured) in [(nil, nil), ("https://pay", Timestamp(microseconds: -1))]
            as [(String?, Timestamp?)]
        {
            let intent = PaymentIntent(
                id: PaymentID(), orderID: OrderID(), customerID: UserID(), amount: Money(5, gbp),
                refunded: Money(0, gbp), state: state, payURL: url, capturedAt: captured)
            #expect(try PaymentIntent(wire: intent.wire) == intent)
        }
    }
}
