import Foundation
import HTTPTypes
import Logging
import SoukDatabase
import SoukDatabaseSQLite
import SoukEnv
import SoukHTTPTesting
import SoukIDs
import SoukIdentifiers
import SoukMoney
import SoukPayment
import SoukService
import SoukTesting
import SoukTime
import Synchronization
import Testing

@testable import SoukPaymentSandbox

/// A sandbox on a database of its own, whose webhooks go to the test.
struct SandboxBench: Sendable {
    let clock = ManualClock()
    let database: any Database
    let receiver: FakeReceiver
    let provider: SandboxProvider
    let delivery: WebhookDelivery
    let gbp: Currency
    static let secret = Secret("a secret of the sandbox's tests")
    private let caller: TestCaller

    init(duplicates: Double = 0) async throws {
        database = try await TestDatabase.make(options: .init(synchronous: .off))
        receiver = FakeReceiver()
        var options = SandboxOptions()
        options.duplicateProbability = duplicates
        provider = try SandboxProvider(
            resources: ServiceResources(
                name: "sandbox", database: database, broker: UnusedBroker(), clock: clock,
                environment: Environment(values: [:])),
            secrets: [Self.secret], baseURL: { "https://pay.test/" },
            webhookURL: { "https://shop.test/hook" },
            options: options, transport: receiver)
        try await provider.prepare()
        delivery = WebhookDelivery(
            database: database, queue: WebhookQueue(), transport: receiver, url: { "https://shop.test/hook" },
            secrets: [Self.secret], duplicateProbability: duplicates, clock: clock,
            logger: Logger(label: "test"))
        caller = TestCaller(register: provider.registerRoutes)
        gbp = try #require(Currency("GBP"))
    }

    func money(_ amount: Int64) -> Money { Money(amount, gbp) }

    func request(
        _ amount: Int64 = 1_999, capture: CaptureMode = .automatic, returnURL: String? = nil
    ) -> ChargeRequest {
        ChargeRequest(
            paymentID: PaymentID(), orderID: OrderID(), amount: money(amount),
            expiresAt: clock.now() + .seconds(900),
            returnURL: returnURL, capture: capture)
    }

    /// The path of a charge's page.
    func path(of charge: ProviderCharge) throws -> String {
        try #require(
            charge.payURL.hasPrefix("https://pay.test/sandbox/pay/") ? charge.payURL.dropFirst(16) : nil
        )
        .description
    }

    /// An open charge and the path of its page.
    func open(
        _ amount: Int64 = 1_999, capture: CaptureMode = .automatic, returnURL: String? = nil
    ) async throws -> (reference: String, path: String) {
        let charge = try await provider.createCharge(request(amount, capture: capture, returnURL: returnURL))
        return (charge.reference, try path(of: charge))
    }

    @discardableResult
    func send(
        _ method: HTTPRequest.Method, _ path: String, json: String? = nil, form: String? = nil,
        accept: String? = nil, contentType: String? = nil
    ) async throws -> Answer {
        var headers = HTTPFields()
        if form != nil { headers[.contentType] = "application/x-www-form-urlencoded" }
        if let contentType { headers[.contentType] = contentType }
        if let accept { headers[.accept] = accept }
        return try await caller.send(method, path, body: json ?? form, headers: headers)
    }

    /// The types of the webhooks of a charge, in the order they were received.
    func received(of reference: String) throws -> [String] {
        try receiver.bodies.map { try JSONSerialization.jsonObject(with: Data($0)) as? [String: Any] ?? [:] }
            .filter { ($0["data"] as? [String: Any])?["charge"] as? String == reference }
            .compactMap { $0["type"] as? String }
    }
}

/// Where webhooks arrive; answers as told, 200 otherwise.
final class FakeReceiver: WebhookTransport {
    struct Post: Sendable {
        let url: String
        let headers: [String: String]
        let body: [UInt8]
    }

    struct NoAnswer: Error {}

    private struct State {
        var posts: [Post] = []
        var answers: [Int?] = []
        var running: [String: Int] = [:]
        var mostPerCharge = 0
    }

    private let state = Mutex(State())

    /// The next posts are answered so; nil for no answer at all.
    func answer(_ statuses: [Int?]) { state.withLock { $0.answers += statuses } }

    /// All that was posted, whatever the answer.
    var posts: [Post] { state.withLock { $0.posts } }
    var bodies: [[UInt8]] { posts.map(\.body) }
    /// How many webhooks of one charge were ever under way together.
    var mostPerCharge: Int { state.withLock { $0.mostPerCharge } }

    func post(_ body: [UInt8], to url: String, headers: [(String, String)]) async throws -> Int {
        let text = String(decoding: body, as: UTF8.self)
        let charge = text.split(separator: "\"").first { $0.hasPrefix("ch_") }.map(String.init) ?? ""
        let answer: Int?? = state.withLock { state in
            state.posts.append(
                Post(url: url, headers: Dictionary(uniqueKeysWithValues: headers), body: body))
            state.running[charge, default: 0] += 1
            state.mostPerCharge = max(state.mostPerCharge, state.running[charge] ?? 0)
            return state.answers.isEmpty ? .none : .some(state.answers.removeFirst())
        }
        await Task.yield()
        state.withLock { $0.running[charge, default: 1] -= 1 }
        switch answer {
        case .none: return 200
        case .some(.none): throw NoAnswer()
        case .some(.some(let status)): return status
        }
    }

    func close() async {}
}
