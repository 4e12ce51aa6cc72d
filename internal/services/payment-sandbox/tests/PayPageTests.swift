import HTTPTypes
import SoukHTTPTesting
import SoukPayment
import Testing

@testable import SoukPaymentSandbox

@Suite struct PayPageTests {
    private func nonce(in page: String) throws -> String {
        let parts = page.split(separator: #"name="form_nonce" value=""#, maxSplits: 1)
        return try #require(parts.last?.split(separator: "\"").first).description
    }

    @Test func peoplePayThroughAForm() async throws {
        let bench = try await SandboxBench()
        let (reference, path) = try await bench.open()
        let page = try await bench.send(.get, path, accept: "text/html,*/*")
        #expect(page.status == 200 && page.headers[.contentType] == "text/html; charset=utf-8")
        #expect(page.body.contains("19.99 GBP") && page.body.contains("2026-01-01 00:15:00 UTC"))
        #expect(!page.body.contains("<script"))
        let policy = try #require(page.headers[.contentSecurityPolicy])
        #expect(policy.hasPrefix("default-src 'none'") && policy.contains("form-action 'self';"))
        #expect(page.headers[.cacheControl] == "no-store")
        let nonce = try nonce(in: page.body)
        for forged in [
            "outcome=success", "outcome=success&form_nonce=", "outcome=success&form_nonce=\(nonce)x",
        ] {
            let answer = try await bench.send(.post, path, form: forged)
            #expect(answer.status == 403 && answer.body.contains("form.forged"))
        }
        #expect(try await bench.provider.lookup(reference).status == .pending)
        let odd = try await bench.send(.post, path, form: "outcome=maybe&form_nonce=\(nonce)")
        #expect(odd.status == 422)
        for _ in 0..<2 {
            let paid = try await bench.send(.post, path, form: "outcome=success&form_nonce=\(nonce)")
            #expect(paid.status == 303 && paid.headers[.location] == path)
        }
        #expect(try await bench.provider.lookup(reference).status == .captured)
        let after = try await bench.send(.get, path)
        #expect(after.body.contains("Paid. Thank you!") && !after.body.contains("<form"))
        // Too late to change one's mind: the page says so.
        let declined = try await bench.send(.post, path, form: "outcome=decline&form_nonce=\(nonce)")
        #expect(declined.status == 303 && declined.headers[.location] == path)
        #expect(try await bench.provider.lookup(reference).status == .captured)
    }

    @Test func theShopIsWhereTheyReturnTo() async throws {
        let bench = try await SandboxBench()
        let shop = #"https://shop.test:8443/thanks?a=1&b="><script>"#
        let (_, path) = try await bench.open(returnURL: shop)
        let page = try await bench.send(.get, path)
        let nonce = try nonce(in: page.body)
        let paid = try await bench.send(.post, path, form: "outcome=success&form_nonce=\(nonce)")
        #expect(paid.status == 303 && paid.headers[.location] == shop)
        let after = try await bench.send(.get, path).body
        #expect(after.contains("Back to the shop") && !after.contains("<script>"))
        #expect(after.contains(##"href="https://shop.test:8443/thanks?a=1&amp;b=%22%3E%3Cscript%3E""##))
        let (_, other) = try await bench.open(returnURL: "https://shop.test:8443/thanks")
        let policy = try await bench.send(.get, other).headers[.contentSecurityPolicy]
        #expect(policy?.contains("form-action 'self' https://shop.test:8443;") == true)
    }

    @Test func programsPayWithJSON() async throws {
        let bench = try await SandboxBench()
        let (reference, path) = try await bench.open()
        let open = try await bench.send(.get, path, accept: "application/json")
        #expect(open.status == 200 && open.body.contains(#""state":"pending""#))
        #expect(open.headers[.cacheControl] == "no-store")
        for body in [#"{"outcome": "maybe"}"#, "{}", "[]", #"{"outcome": "success", "amount": 1}"#, "{"] {
            let refused = try await bench.send(.post, path, json: body)
            #expect([400, 422].contains(refused.status), "\(body)")
        }
        #expect(try await bench.send(.post, path, form: "x", contentType: "text/plain").status == 415)
        for _ in 0..<2 {
            let declined = try await bench.send(.post, path, json: #"{"outcome": "decline"}"#)
            #expect(declined.status == 200 && declined.body.contains(#""state":"failed""#))
        }
        let state = try await bench.provider.lookup(reference)
        #expect(state.status == .failed && state.failureReason == "declined")
        let late = try await bench.send(.post, path, json: #"{"outcome": "success"}"#)
        #expect(late.status == 409 && late.body.contains("charge.final"))
    }

    @Test func guessesFindNothing() async throws {
        let bench = try await SandboxBench()
        for token in ["x", String(repeating: "a", count: 43), String(repeating: "a", count: 4_000), "%00"] {
            #expect(try await bench.send(.get, "/sandbox/pay/\(token)").status == 404)
            #expect(
                try await bench.send(.post, "/sandbox/pay/\(token)", json: #"{"outcome": "success"}"#).status
                    == 404)
        }
    }
}
