import HTTPTypes
import SoukDatabase
import SoukEnv
import SoukIDs
import SoukMoney
import SoukPayment
import SoukTesting
import SoukTime
import Testing

@testable import SoukPaymentSandbox

@Suite struct DeliveryTests {
    private func pay(_ path: String, _ bench: SandboxBench) async throws {
        try await bench.send(.post, path, json: #"{"outcome": "success"}"#)
    }

    @Test func aDeliveryProvesItself() async throws {
        let bench = try await SandboxBench()
        let (reference, path) = try await bench.open()
        try await pay(path, bench)
        try await bench.delivery.run()
        let post = try #require(bench.receiver.posts.first)
        #expect(bench.receiver.posts.count == 1 && post.url == "https://shop.test/hook")
        var headers = HTTPFields()
        let name = try #require(HTTPField.Name(WebhookSignature.headerName))
        headers[name] = post.headers[WebhookSignature.headerName]
        let event = try bench.provider.verifyWebhook(
            headers: headers, rawBody: post.body, now: bench.clock.now())
        #expect(event.kind == .chargeCaptured && event.reference == reference)
        #expect(event.amount == bench.money(1_999) && event.paymentID != nil)
        #expect(throws: WebhookError.signatureInvalid) {
            try bench.provider.verifyWebhook(
                headers: headers, rawBody: post.body + [0], now: bench.clock.now())
        }
        try await bench.delivery.run()
        #expect(bench.receiver.posts.count == 1)
    }

    @Test func failuresAreTriedAgainEverMoreRarelyForThreeDays() async throws {
        let bench = try await SandboxBench()
        let (_, path) = try await bench.open()
        try await pay(path, bench)
        bench.receiver.answer(Array(repeating: nil, count: 2) + Array(repeating: 503, count: 500))
        var hours = 0
        while bench.clock.now() < ManualClock().now() + .seconds(4 * 86_400) {
            try await bench.delivery.run()
            bench.clock.advance(by: .seconds(hours == 0 ? 1 : 3_600))
            if bench.receiver.posts.count >= 5 { hours += 1 }
        }
        let row = try #require(
            try await bench.database.first("SELECT attempts, abandoned_at, last_error FROM webhooks"))
        #expect(try row.get("abandoned_at", as: Timestamp?.self) != nil)
        #expect(try row.get("last_error", as: String.self) == "status 503")
        let attempts = try row.get("attempts", as: Int.self)
        #expect((60...110).contains(attempts), "\(attempts)")
    }

    @Test func aLaterSuccessEndsIt() async throws {
        let bench = try await SandboxBench()
        let (_, path) = try await bench.open()
        try await pay(path, bench)
        bench.receiver.answer([nil, 500, 302])
        for _ in 0..<20 {
            try await bench.delivery.run()
            bench.clock.advance(by: .seconds(4))
        }
        // A redirect is no success, and isn't followed.
        #expect(bench.receiver.posts.count == 4)
        #expect(Set(bench.receiver.bodies).count == 1)
        // Each attempt is signed when it is made.
        #expect(Set(bench.receiver.posts.compactMap { $0.headers[WebhookSignature.headerName] }).count == 4)
    }

    @Test func webhooksOfAChargeComeOneByOneAndInOrder() async throws {
        let bench = try await SandboxBench()
        var references: [String] = []
        for _ in 0..<20 {
            let (reference, path) = try await bench.open(1_000)
            references.append(reference)
            try await pay(path, bench)
            for _ in 0..<3 {
                try await bench.provider.refund(reference, amount: bench.money(100), refundID: .init())
            }
        }
        bench.receiver.answer((0..<40).map { $0.isMultiple(of: 3) ? 500 : 200 })
        for _ in 0..<20 {
            try await bench.delivery.run()
            bench.clock.advance(by: .seconds(10))
        }
        #expect(bench.receiver.mostPerCharge == 1)
        for reference in references {
            let types = try bench.received(of: reference)
            #expect(types.last == "refund.succeeded" && types.first == "charge.captured")
            #expect(types.drop { $0 == "charge.captured" }.allSatisfy { $0 == "refund.succeeded" })
        }
        #expect(
            try await bench.database.scalar(
                "SELECT count(*) FROM webhooks WHERE delivered_at IS NULL", as: Int.self) == 0)
    }

    @Test func aFirstAttemptDoesNotWaitForAClockThatWasAhead() async throws {
        let bench = try await SandboxBench()
        let (reference, path) = try await bench.open()
        try await pay(path, bench)
        let ahead = bench.clock.now() + .seconds(600)
        try await bench.database.execute("UPDATE webhooks SET next_attempt_at = \(ahead)")
        try await bench.delivery.run()
        #expect(try bench.received(of: reference) == ["charge.captured"])
    }

    @Test func duplicatesCanBeAskedFor() async throws {
        let bench = try await SandboxBench(duplicates: 1)
        let (reference, path) = try await bench.open()
        try await pay(path, bench)
        try await bench.delivery.run()
        #expect(try bench.received(of: reference) == ["charge.captured", "charge.captured"])
        #expect(Set(bench.receiver.bodies).count == 1)
    }

    @Test func configurationIsReadAndChecked() throws {
        let options = try SandboxOptions(
            environment: Environment(values: [
                "SOUK_SANDBOX_WEBHOOK_URL": "http://127.0.0.1:9/hook",
                "SOUK_SANDBOX_DUPLICATE_WEBHOOKS": "0.25",
            ]))
        #expect(options.webhookURL == "http://127.0.0.1:9/hook" && options.duplicateProbability == 0.25)
        for (name, value) in [
            ("SOUK_SANDBOX_WEBHOOK_URL", "file:///etc"), ("SOUK_SANDBOX_DUPLICATE_WEBHOOKS", "2"),
            ("SOUK_SANDBOX_DUPLICATE_WEBHOOKS", "nan"),
        ] {
            #expect(throws: ConfigurationError.self) {
                try SandboxOptions(environment: Environment(values: [name: value]))
            }
        }
        func secrets(_ values: [String: String]) throws -> [String] {
            try SandboxOptions.webhookSecrets(Environment(values: values)).map { $0.reveal() }
        }
        #expect(
            try secrets([
                "SOUK_SANDBOX_WEBHOOK_SECRET": "sixteen bytes long",
                "SOUK_SANDBOX_WEBHOOK_PREVIOUS_SECRET": "before the rotation",
            ]) == ["sixteen bytes long", "before the rotation"])
        #expect(try secrets([:]).map(\.count) == [43])
        #expect(throws: ConfigurationError.self) { try secrets(["SOUK_SANDBOX_WEBHOOK_SECRET": "short"]) }
    }
}
