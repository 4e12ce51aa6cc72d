import Testing

@testable import SoukVendor

@Suite struct StateMachineTests {
    /// From, decision, outcome: a status, `=` for nothing to do, `!` for refused.
    @Test(arguments: [
        (VendorStatus.pending, VendorDecision.approve, "active"), (.pending, .reject, "rejected"),
        (.pending, .suspend, "!"), (.pending, .reinstate, "!"),
        (.active, .approve, "="), (.active, .reject, "!"), (.active, .suspend, "suspended"),
        (.active, .reinstate, "="),
        (.suspended, .approve, "!"), (.suspended, .reject, "!"), (.suspended, .suspend, "="),
        (.suspended, .reinstate, "active"),
        (.rejected, .approve, "!"), (.rejected, .reject, "="), (.rejected, .suspend, "!"),
        (.rejected, .reinstate, "!"),
    ])
    func vendors(from status: VendorStatus, _ decision: VendorDecision, outcome: String) {
        #expect(Self.outcome { () throws(VendorError) in try status.after(decision)?.rawValue } == outcome)
    }

    @Test(arguments: [
        (VendorOrderStatus.new, "accepted"), (.accepted, "="), (.partiallyShipped, "="), (.shipped, "="),
        (.delivered, "="), (.cancelled, "!"),
    ])
    func accepting(from status: VendorOrderStatus, outcome: String) {
        #expect(Self.outcome { () throws(VendorError) in try status.accepting()?.rawValue } == outcome)
    }

    @Test(arguments: [
        (VendorOrderStatus.new, "!", "!"), (.accepted, "shipped", "partially_shipped"),
        (.partiallyShipped, "shipped", "partially_shipped"), (.shipped, "!", "!"), (.delivered, "!", "!"),
        (.cancelled, "!", "!"),
    ])
    func shipping(from status: VendorOrderStatus, whole: String, part: String) {
        #expect(
            Self.outcome { () throws(VendorError) in try status.shipping(completely: true).rawValue } == whole
        )
        #expect(
            Self.outcome { () throws(VendorError) in try status.shipping(completely: false).rawValue } == part
        )
    }

    @Test(arguments: VendorOrderStatus.allCases)
    func onlyTheLastParcelOfAShippedOrderDeliversIt(from status: VendorOrderStatus) {
        #expect(status.delivering(everyParcel: true) == (status == .shipped ? .delivered : nil))
        #expect(status.delivering(everyParcel: false) == nil)
    }

    @Test(arguments: [
        (VendorOrderStatus.new, "cancelled"), (.accepted, "cancelled"), (.partiallyShipped, "!"),
        (.shipped, "!"),
        (.delivered, "!"), (.cancelled, "="),
    ])
    func cancelling(from status: VendorOrderStatus, outcome: String) {
        #expect(Self.outcome { () throws(VendorError) in try status.cancelling()?.rawValue } == outcome)
    }

    @Test(arguments: [
        (ReturnStatus.requested, ReturnStatus.approved, "approved"), (.requested, .rejected, "rejected"),
        (.approved, .approved, "="), (.approved, .rejected, "!"), (.rejected, .rejected, "="),
        (.rejected, .approved, "!"), (.approved, .requested, "!"),
    ])
    func returns(from status: ReturnStatus, decision: ReturnStatus, outcome: String) {
        #expect(Self.outcome { () throws(VendorError) in try status.deciding(decision)?.rawValue } == outcome)
    }

    @Test(arguments: [
        ("Blue Door Books", "blue-door-books"), ("  Café & Crème  ", "cafe-creme"),
        ("100% Wool!", "100-wool"),
        ("日本", "store"), ("", "store"), ("---", "store"), ("ÅÄÖ", "aao"),
    ])
    func slugs(name: String, slug: String) {
        #expect(Slug.suggested(by: name, fallback: "store") == slug)
    }

    @Test func longNamesMakeSlugsThatFit() {
        let slug = Slug.suggested(by: String(repeating: "word ", count: 100), fallback: "x")
        #expect(slug.count <= Slug.maximumLength && slug.last != "-")
        #expect(Slug.varied(slug) != Slug.varied(slug))
        #expect(Slug.varied(slug).count <= Slug.maximumLength)
        // Cut at a hyphen.
        let cut = String(repeating: "a", count: Slug.maximumLength - 8) + "-b"
        #expect(!Slug.varied(cut).contains("--"))
    }

    private static func outcome(_ transition: () throws(VendorError) -> String?) -> String {
        do throws(VendorError) {
            return try transition() ?? "="
        } catch {
            return "!"
        }
    }
}
