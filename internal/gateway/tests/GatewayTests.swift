import Testing

@testable import SoukGateway

@Suite struct GatewayTests {
    @Test(arguments: [
        "X-User-Id", "x_user_id", "X.USER.ID", "x-User_Roles", "X-Forwarded-User", "X-Souk-Anything",
        "REMOTE_USER",
        "x-internal-call",
    ])
    func identityHeadersAreKnownInEverySpelling(name: String) {
        #expect(IdentityHeaders.contains(name))
    }

    @Test(arguments: [
        "Authorization", "X-Request-Id", "Cart-Token", "Idempotency-Key", "X-Userid-Of-Nobody-Else",
    ])
    func otherHeadersStay(name: String) {
        #expect(!IdentityHeaders.contains(name))
    }

    @Test func corsAllowsListedOriginsOnly() {
        let policy = CORSPolicy(origins: ["https://shop.example"])
        #expect(policy.allowedOrigin(for: "https://shop.example") == "https://shop.example")
        #expect(policy.allowedOrigin(for: "https://shop.example.evil.test") == nil)
        #expect(policy.allowedOrigin(for: "null") == nil)
        #expect(CORSPolicy(origins: []).allowedOrigin(for: "https://shop.example") == nil)
        #expect(CORSPolicy(origins: ["*"]).allowedOrigin(for: "https://a.test") == "*")
    }
}
