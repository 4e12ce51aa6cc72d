import HTTPTypes
import Hummingbird
import SoukAPI
import SoukErrors
import SoukHTTP
import SoukMoney
import SoukPayment
import SoukTime
import SoukText

/// The pay page and what its form, or a program in its place, sends back.
struct PayRoutes: Sendable {
    /// Longest token that is looked for; ours are shorter.
    private static let maxTokenLength = 128

    let desk: ChargeDesk
    let page: PayPage

    func register(_ routes: Routes) {
        routes.open.get("/sandbox/pay/{token}") { request, context in
            let charge = try await desk.open(token: try Self.token(in: context))
            return request.prefersJSON ? try .ok(ChargeView(charge)) : page.reply(for: charge)
        }
        routes.open.post("/sandbox/pay/{token}") { request, context in
            try await decide(request, token: try Self.token(in: context))
        }
    }

    private func decide(_ request: Request, token: String) async throws -> Reply {
        let isJSON =
            request.headers[.contentType]?.lowercasedASCII().hasPrefix(bytes: "application/json") ?? false
        let outcome: PayOutcome
        let formNonce: String?
        if isJSON {
            // Another site can't make a browser send this type without asking us first, so it needs no nonce.
            outcome = try await request.body(PayBody.self, maxBytes: 4_096).outcome
            formNonce = nil
        } else {
            let form = try await request.form(maxBytes: 4_096)
            outcome = try Self.outcome(in: form)
            formNonce = form["form_nonce"] ?? ""
        }
        let wantsPage = !request.prefersJSON && (!isJSON || request.accepts("text/html"))
        let charge: Charge
        do {
            charge = try await desk.decide(outcome, token: token, formNonce: formNonce)
        } catch let error as SandboxError where wantsPage && error.kind == .conflict {
            // The page says what has become of the charge.
            return .seeOther("/sandbox/pay/\(token)")
        }
        guard wantsPage else { return try .ok(ChargeView(charge)) }
        return .seeOther(charge.returnURL ?? "/sandbox/pay/\(token)")
    }

    private static func token(in context: SoukRequestContext) throws -> String {
        let token = try context.parameter("token")
        guard token.utf8.count <= maxTokenLength else { throw SandboxError.unknownCharge }
        return token
    }

    private static func outcome(in form: [String: String]) throws -> PayOutcome {
        guard let outcome = form["outcome"].flatMap(PayOutcome.init(rawValue:)) else {
            throw ValidationError(
                field: "outcome", code: "choice", message: "The value must be one of: success, decline.")
        }
        return outcome
    }
}

/// What a program sends in place of the form.
struct PayBody: SoukAPI.RequestBody {
    let outcome: PayOutcome

    init(_ fields: FieldReader) {
        // Refused bodies are never used, whatever this says.
        outcome = fields.choice("outcome", as: PayOutcome.self) ?? .decline
    }
}

/// A charge as a program sees it on the pay page.
struct ChargeView: Encodable, Sendable {
    /// `pending`, `authorized`, `captured`, `failed`, `expired` or `cancelled`.
    let state: String
    let amount: Money
    let expiresAt: Timestamp
    let returnUrl: String?

    init(_ charge: Charge) {
        state = charge.status.rawValue
        amount = charge.amount
        expiresAt = charge.expiresAt
        returnUrl = charge.returnURL
    }
}

extension Request {
    fileprivate func accepts(_ type: String) -> Bool {
        headers[.accept]?.lowercasedASCII().contains(bytes: type) ?? false
    }

    /// Asks for JSON and not for a page.
    fileprivate var prefersJSON: Bool { accepts("application/json") && !accepts("text/html") }
}
