import HTTPTypes
import SoukEnv
import SoukHTTP
import SoukHTTPTesting
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPaymentKernel
import SoukTesting
import SoukTime
import Testing

@testable import SoukPayment

@Suite struct RouteTests {
    private static let hook = "/api/v1/payments/webhooks/fake"

    @Test func customersSeeTheirOwnPaymentsOnly() async throws {
        let web = try await WebBench()
        let intent = try await web.bench.open()
        let path = "/api/v1/payments/\(intent.id)"
        let own = try await web.send(.get, path, as: .user(intent.customerID))
        #expect(own.status == 200 && own.text("data.state") == "pending")
        #expect(own.text("data.order_id") == intent.orderID.description)
        #expect(own.text("data.amount.amount") == "1000" && own.text("data.pay_url") == intent.payURL)
        #expect(try await web.send(.get, path).status == 401)
        for caller in [WebBench.Caller.user(UserID()), .admin(UserID())] {
            let other = try await web.send(.get, path, as: caller)
            #expect(other.status == 404 && other.code == "payment.not_found")
        }
        for id in [PaymentID().description, "nothing"] {
            #expect(try await web.send(.get, "/api/v1/payments/\(id)", as: .user(UserID())).status == 404)
        }
    }

    @Test(arguments: [
        (HTTPRequest.Method.get, "/admin/payments"), (.get, "/admin/payments/ID"),
        (.post, "/admin/payments/ID/refunds"), (.post, "/admin/payments/ID/capture"),
        (.get, "/admin/ledger/accounts"), (.get, "/admin/ledger/transactions"),
        (.get, "/admin/ledger/verify"),
        (.get, "/admin/commissions"), (.put, "/admin/commissions/ID"), (.delete, "/admin/commissions/ID"),
    ])
    func adminRoutesAreForAdmins(method: HTTPRequest.Method, path: String) async throws {
        let web = try await WebBench()
        let intent = try await web.bench.paid()
        let path = "/api/v1" + path.replacing("ID", with: intent.id.description)
        #expect(try await web.send(method, path).status == 401)
        #expect(try await web.send(method, path, as: .user(intent.customerID)).status == 403)
        #expect(try await web.bench.intent(intent.id) == intent)
    }

    @Test func webhooksAreProvenBeforeAnythingElse() async throws {
        let web = try await WebBench()
        let intent = try await web.bench.open()
        let webhook = FakeWebhook(
            id: "evt", kind: .captured, reference: try #require(intent.reference), amount: intent.amount)
        let body = String(decoding: webhook.body, as: UTF8.self)
        func header(at offset: Duration = .zero, body: [UInt8]? = nil) -> [String: String] {
            let time = web.bench.clock.now() + offset
            return [
                WebhookSignature.headerName: WebhookSignature.header(
                    for: body ?? webhook.body, at: time, secrets: [FakeProvider.secret])
            ]
        }
        let unsigned = try await web.send(.post, Self.hook, body: body)
        #expect(unsigned.status == 400 && unsigned.code == "webhook.signature_invalid")
        let old = try await web.send(.post, Self.hook, body: body, headers: header(at: .seconds(-301)))
        #expect(old.status == 400 && old.code == "webhook.expired")
        let other = try await web.send(.post, Self.hook, body: body + "0", headers: header())
        #expect(other.code == "webhook.signature_invalid")
        let odd = try await web.send(.post, Self.hook, body: "odd", headers: header(body: Array("odd".utf8)))
        #expect(odd.status == 400 && odd.code == "webhook.malformed")
        let elsewhere = try await web.send(
            .post, "/api/v1/payments/webhooks/another", body: body, headers: header())
        #expect(elsewhere.status == 404)
        let huge = String(repeating: "x", count: 65_537)
        #expect(try await web.send(.post, Self.hook, body: huge, headers: header()).status == 413)
        #expect(try await web.bench.intent(intent.id).state == .pending)
        for outcome in ["applied", "duplicate"] {
            let taken = try await web.send(.post, Self.hook, body: body, headers: header())
            #expect(taken.status == 200 && taken.text("data.outcome") == outcome)
        }
        #expect(try await web.bench.intent(intent.id).state == .captured)
    }

    @Test func adminsRefundOncePerKey() async throws {
        let web = try await WebBench()
        let intent = try await web.bench.paid()
        let path = "/api/v1/admin/payments/\(intent.id)"
        let admin = WebBench.Caller.admin(UserID())
        func refund(_ body: String, key: String?) async throws -> Answer {
            try await web.send(.post, path + "/refunds", as: admin, body: body, key: key)
        }
        let some = #"{"amount": {"amount": 400, "currency": "GBP"}, "reason": "goodwill"}"#
        #expect(try await refund(some, key: nil).code == "idempotency_key.missing")
        let first = try await refund(some, key: "k1")
        #expect(first.status == 202 && first.text("data.state") == "pending")
        #expect(try await refund(some, key: "k1").text("data.id") == first.text("data.id"))
        #expect(try await refund(#"{"reason": "other"}"#, key: "k1").status == 422)
        let much = some.replacing("400", with: "601")
        let tooMuch = try await refund(much, key: "k2")
        #expect(tooMuch.status == 409 && tooMuch.code == "refund.exceeds_remaining")
        #expect(
            try await refund(some.replacing("GBP", with: "EUR"), key: "k3").code == "refund.currency_mismatch"
        )
        #expect(try await refund(some.replacing("400", with: "0"), key: "k4").status == 422)
        #expect(try await refund(#"{"amount": 4, "reason": "x"}"#, key: "k5").status == 400)
        #expect(try await refund(#"{"reason": "x", "state": "succeeded"}"#, key: "k6").status == 400)
        #expect(try await refund("{}", key: "k7").status == 422)
        let stranger = #"{"reason": "x", "vendor_id": "\#(VendorID())"}"#
        #expect(try await refund(stranger, key: "k8").code == "refund.vendor_not_in_payment")
        #expect(try await refund(#"{"reason": "the rest"}"#, key: "k9").text("data.amount.amount") == "600")
        #expect(try await refund(#"{"reason": "more"}"#, key: "k10").code == "refund.nothing_left")
        try await web.bench.core.refundWorker.run()
        let detail = try await web.send(.get, path, as: admin)
        #expect(detail.text("data.state") == "captured" && detail.text("data.refunded.amount") == "1000")
        #expect(detail.text("data.shares.0.commission_basis_points") == "1000")
        #expect(detail.text("data.refunds.0.state") == "succeeded" && detail.text("data.refunds.2") == nil)
        let list = try await web.send(
            .get, "/api/v1/admin/payments?state=captured&order_id=\(intent.orderID)", as: admin)
        #expect(list.text("data.0.id") == intent.id.description && list.text("meta.total_count") == "1")
        #expect(try await web.send(.get, "/api/v1/admin/payments?state=odd", as: admin).status == 400)
        #expect(
            try await web.send(.get, "/api/v1/admin/payments?state=failed", as: admin).text("data.0") == nil)
        let verified = try await web.send(.get, "/api/v1/admin/ledger/verify", as: admin)
        #expect(verified.text("data.balanced") == "true")
        #expect(verified.text("data.transactions") == "3" && verified.text("data.differences.0") == nil)
    }

    @Test func adminsCaptureWhatIsAuthorized() async throws {
        let web = try await WebBench { $0.capture = .manual }
        let intent = try await web.bench.open()
        let path = "/api/v1/admin/payments/\(intent.id)/capture"
        let admin = WebBench.Caller.admin(UserID())
        #expect(try await web.send(.post, path, as: admin, key: "k1").code == "payment.not_authorized")
        web.bench.provider.set(.authorized, of: try #require(intent.reference))
        try await web.bench.deliver(.authorized, of: intent)
        for _ in 0..<2 {
            let captured = try await web.send(.post, path, as: admin, key: "k2")
            #expect(captured.status == 200 && captured.text("data.state") == "captured")
        }
        #expect(web.bench.provider.calls(.capture) == 1)
        let unknown = "/api/v1/admin/payments/\(PaymentID())/capture"
        #expect(try await web.send(.post, unknown, as: admin, key: "k3").status == 404)
    }

    @Test func vendorsSeeTheirOwnLedgerOnly() async throws {
        let web = try await WebBench()
        let (owner, vendors) = (UserID(), [VendorID(), VendorID()])
        web.vendors.add(vendors[0], owner: owner)
        let intent = try await web.bench.paid([700, 300], vendors: vendors)
        _ = try await web.bench.refund(.exactly(web.bench.money(100)), of: intent, vendor: vendors[0])
        try await web.bench.core.refundWorker.run()
        let balance = try await web.send(.get, "/api/v1/ledger/balance", as: .user(owner))
        #expect(balance.text("data.vendor_id") == vendors[0].description)
        #expect(balance.text("data.balances.0.amount") == "540" && balance.text("data.balances.1") == nil)
        let entries = try await web.send(.get, "/api/v1/ledger/entries", as: .user(owner))
        #expect(entries.text("meta.total_count") == "2")
        let refund = ["amount", "gross", "commission"].map { entries.text("data.0.\($0).amount") }
        #expect(refund == ["-90", "-100", "-10"] && entries.text("data.0.kind") == "refund")
        let capture = ["amount", "gross", "commission"].map { entries.text("data.1.\($0).amount") }
        #expect(
            capture == ["630", "700", "70"] && entries.text("data.1.order_id") == intent.orderID.description)
        for path in ["/api/v1/ledger/balance", "/api/v1/ledger/entries"] {
            #expect(try await web.send(.get, path).status == 401)
            let other = try await web.send(.get, path, as: .user(UserID()))
            #expect(other.status == 403 && other.code == "vendor.required")
        }
    }

    @Test func adminsReadTheBooks() async throws {
        let web = try await WebBench()
        let intent = try await web.bench.paid()
        let admin = WebBench.Caller.admin(UserID())
        let accounts = try await web.send(.get, "/api/v1/admin/ledger/accounts?size=1", as: admin)
        #expect(accounts.text("data.0.account") == "platform:commission")
        #expect(accounts.text("data.0.balance.amount") == "100" && accounts.text("data.0.kind") == "revenue")
        #expect(accounts.text("meta.total_count") == "4")
        let path = "/api/v1/admin/ledger/transactions"
        let found = try await web.send(.get, "\(path)?reference=\(intent.id)", as: admin)
        #expect(
            found.text("data.0.kind") == "capture" && found.text("data.0.entries.0.amount.amount") == "1000")
        #expect(found.text("data.0.entries.3.amount.amount") == "-100")
        #expect(try await web.send(.get, "\(path)?reference=other", as: admin).text("data.0") == nil)
        #expect(try await web.send(.get, "\(path)?reference=", as: admin).status == 400)
        #expect(try await web.send(.get, "\(path)?size=101", as: admin).status == 400)
    }

    @Test func commissionsAreSetPerVendorAndFrozenAtCapture() async throws {
        let web = try await WebBench()
        let (admin, vendor) = (UserID(), VendorID())
        web.vendors.add(vendor, owner: UserID())
        let path = "/api/v1/admin/commissions/\(vendor)"
        let before = try await web.bench.paid([1_000], vendors: [vendor])
        let set = try await web.send(.put, path, as: .admin(admin), body: #"{"basis_points": 250}"#)
        #expect(set.status == 200 && set.text("data.basis_points") == "250")
        let after = try await web.bench.paid([1_000], vendors: [vendor])
        let list = try await web.send(.get, "/api/v1/admin/commissions", as: .admin(admin))
        #expect(list.text("data.default_basis_points") == "1000" && list.text("data.overrides_count") == "1")
        #expect(list.text("data.overrides.0.updated_by") == admin.description)
        for body in [#"{"basis_points": 10001}"#, #"{"basis_points": -1}"#] {
            #expect(try await web.send(.put, path, as: .admin(admin), body: body).status == 422)
        }
        let unknown = "/api/v1/admin/commissions/\(VendorID())"
        #expect(
            try await web.send(.put, unknown, as: .admin(admin), body: #"{"basis_points": 1}"#).status == 404)
        for _ in 0..<2 { #expect(try await web.send(.delete, path, as: .admin(admin)).status == 204) }
        let again = try await web.bench.paid([1_000], vendors: [vendor])
        var commissions: [Int64] = []
        for intent in [before, after, again] {
            let shares = try await web.bench.core.intents.shares(of: intent.id, in: web.bench.database)
            commissions += shares.map(\.commission.amount)
        }
        #expect(commissions == [100, 25, 100])
        try await web.bench.checkBooks()
    }

    @Test func configurationIsReadAndChecked() throws {
        let options = try PaymentOptions(
            environment: Environment(values: [
                "SOUK_PAYMENT_CAPTURE": "manual", "SOUK_PAYMENT_COMMISSION_BPS": "0",
                "SOUK_PAYMENT_RECONCILE_AFTER": "5s", "SOUK_PAYMENT_RETURN_URL": "https://shop.test/thanks",
            ]))
        #expect(options.capture == .manual && options.commissionBasisPoints == 0)
        #expect(options.reconcileAfter == .seconds(5) && options.returnURL == "https://shop.test/thanks")
        for (name, value) in [
            ("SOUK_PAYMENT_CAPTURE", "later"), ("SOUK_PAYMENT_COMMISSION_BPS", "10001"),
            ("SOUK_PAYMENT_RECONCILE_INTERVAL", "0s"), ("SOUK_PAYMENT_RETURN_URL", "javascript://x/"),
        ] {
            #expect {
                try PaymentOptions(environment: Environment(values: [name: value]))
            } throws: {
                ($0 as? ConfigurationError)?.name == name
            }
        }
    }
}
