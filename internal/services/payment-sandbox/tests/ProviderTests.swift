import HTTPTypes
import SoukDatabase
import SoukHTTPTesting
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPayment
import SoukTesting
import SoukTime
import Testing

@testable import SoukPaymentSandbox

@Suite struct ProviderTests {
    private static func code(_ error: any Error) -> String? {
        guard case ProviderError.refused(let code, _) = error else { return nil }
        return code
    }

    @Test func oneChargePerPaymentHoweverManyAsk() async throws {
        let bench = try await SandboxBench()
        let request = bench.request()
        let charges = try await withThrowingTaskGroup(of: ProviderCharge.self) { group in
            for _ in 0..<50 { group.addTask { try await bench.provider.createCharge(request) } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(charges.count == 1)
        // 32 random bytes in base64url.
        #expect(try bench.path(of: try #require(charges.first)).split(separator: "/").last?.count == 43)
        let other = ChargeRequest(
            paymentID: request.paymentID, orderID: request.orderID, amount: bench.money(1),
            expiresAt: request.expiresAt, returnURL: nil, capture: .automatic)
        await #expect { try await bench.provider.createCharge(other) } throws: {
            Self.code($0) == "charge.mismatch"
        }
        await #expect {
            try await bench.provider.createCharge(bench.request(0))
        } throws: {
            Self.code($0) == "amount.invalid"
        }
    }

    @Test func refundsAreIdempotentAndNeverExceedTheCharge() async throws {
        let bench = try await SandboxBench()
        let (reference, path) = try await bench.open(1_000)
        await #expect {
            try await bench.provider.refund(reference, amount: bench.money(1), refundID: RefundID())
        } throws: {
            Self.code($0) == "charge.not_captured"
        }
        try await bench.send(.post, path, json: #"{"outcome": "success"}"#)
        let id = RefundID()
        for _ in 0..<3 { try await bench.provider.refund(reference, amount: bench.money(600), refundID: id) }
        await #expect {
            try await bench.provider.refund(reference, amount: bench.money(601), refundID: id)
        } throws: {
            Self.code($0) == "refund.mismatch"
        }
        let made = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    (try? await bench.provider.refund(
                        reference, amount: bench.money(100), refundID: RefundID())) != nil
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(made == 4)
        try await bench.delivery.run()
        #expect(try bench.received(of: reference).count { $0 == "refund.succeeded" } == 5)
    }

    @Test func cancellingLosesAgainstPaying() async throws {
        let bench = try await SandboxBench()
        let (paid, path) = try await bench.open()
        try await bench.send(.post, path, json: #"{"outcome": "success"}"#)
        #expect(try await bench.provider.cancel(paid).status == .captured)
        let (open, otherPath) = try await bench.open()
        for _ in 0..<2 { #expect(try await bench.provider.cancel(open).status == .cancelled) }
        let late = try await bench.send(.post, otherPath, json: #"{"outcome": "success"}"#)
        #expect(late.status == 409 && late.body.contains("charge.final"))
        #expect(try await bench.provider.lookup(open).status == .cancelled)
        await #expect { try await bench.provider.cancel("ch_unknown") } throws: {
            Self.code($0) == "charge.unknown"
        }
    }

    @Test func payingAndCancellingRaceToOneOutcome() async throws {
        let bench = try await SandboxBench()
        for _ in 0..<20 {
            let (reference, path) = try await bench.open()
            async let answer = bench.send(.post, path, json: #"{"outcome": "success"}"#)
            async let cancelled = bench.provider.cancel(reference)
            let (status, state) = try await (answer.status, cancelled.status)
            #expect(status == 200 && state == .captured || status == 409 && state == .cancelled)
            try await bench.delivery.run()
            #expect(try bench.received(of: reference) == ["charge.\(state.rawValue)"])
        }
    }

    @Test func manualCaptureNeedsAnAuthorization() async throws {
        let bench = try await SandboxBench()
        let (reference, path) = try await bench.open(500, capture: .manual)
        await #expect {
            try await bench.provider.capture(reference, amount: bench.money(500), key: "k")
        } throws: {
            Self.code($0) == "charge.not_authorized"
        }
        try await bench.send(.post, path, json: #"{"outcome": "success"}"#)
        #expect(try await bench.provider.lookup(reference).status == .authorized)
        await #expect {
            try await bench.provider.capture(reference, amount: bench.money(499), key: "k")
        } throws: {
            Self.code($0) == "amount.mismatch"
        }
        for _ in 0..<2 {
            let state = try await bench.provider.capture(reference, amount: bench.money(500), key: "k")
            #expect(state.status == .captured)
        }
        try await bench.delivery.run()
        #expect(try bench.received(of: reference) == ["charge.authorized", "charge.captured"])
    }

    @Test func chargesExpire() async throws {
        let bench = try await SandboxBench()
        let (swept, _) = try await bench.open()
        let (looked, path) = try await bench.open()
        bench.clock.advance(by: .seconds(899))
        #expect(try await bench.provider.lookup(looked).status == .pending)
        bench.clock.advance(by: .seconds(1))
        let late = try await bench.send(.post, path, json: #"{"outcome": "success"}"#)
        #expect(late.status == 409 && late.body.contains("charge.expired"))
        let desk = ChargeDesk(
            database: bench.database, store: ChargeStore(), queue: WebhookQueue(), clock: bench.clock,
            wake: {})
        for _ in 0..<2 { try await desk.sweep() }
        for reference in [swept, looked] {
            #expect(try await bench.provider.lookup(reference).status == .expired)
            #expect(try await bench.provider.cancel(reference).status == .expired)
        }
        try await bench.delivery.run()
        #expect(try bench.received(of: swept) == ["charge.expired"])
        #expect(try bench.received(of: looked) == ["charge.expired"])
    }
}
