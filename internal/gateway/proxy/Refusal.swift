import HTTPTypes
import NIOCore
import NIOHTTP1
import SoukAuthToken
import SoukErrors
import SoukHTTP
import SoukHTTPWire

/// What the gateway itself answers instead of passing a request on, or an answer back.
struct Refusal {
    let status: Int
    let code: String
    let detail: String
    var retryAfter: Duration?
    /// The `WWW-Authenticate` of a 401 (RFC 6750, section 3).
    var challenge: String?
    /// Whether the connection can't be used any more.
    var closes = false
    /// Whether only what this client does is the reason. On HTTP/2 it pays for them in frames.
    var isForClient = false

    static let accessTokenRequired = Refusal(
        status: 401, code: "auth.required", detail: "An access token is required.",
        challenge: "Bearer realm=\"souk\"")
    static let accessTokenMalformed = Refusal(
        status: 401, code: "token.malformed", detail: "Authorization must be one bearer token.",
        challenge: "Bearer realm=\"souk\", error=\"invalid_token\"")
    static let rateLimited = Refusal(
        status: 429, code: "rate.limited", detail: "Too many requests; please slow down.",
        isForClient: true)
    static let overloaded = Refusal(
        status: 503, code: "gateway.overloaded",
        detail: "Too many requests are running; try again in a moment.",
        retryAfter: .seconds(1))
    static let clientIsBusy = Refusal(
        status: 503, code: "gateway.client_busy",
        detail: "Too many of your requests are running; wait until some of them have ended.",
        retryAfter: .seconds(1), isForClient: true)
    static let tooManyBodies = Refusal(
        status: 503, code: "gateway.bodies",
        detail: "Too many bytes of request bodies are being received; try again in a moment.",
        retryAfter: .seconds(1), isForClient: true)
    static let upstreamUnavailable = Refusal(
        status: 503, code: "upstream.unavailable",
        detail: "A part of the marketplace can't be reached right now.", retryAfter: .seconds(1))
    static let upstreamTimedOut = Refusal(
        status: 504, code: "deadline.exceeded", detail: "The request took too long.")
    static let upstreamMakesNoSense = Refusal(
        status: 502, code: "upstream.bad_answer",
        detail: "A part of the marketplace gave an answer that makes no sense.")
    static let notFound = Refusal(status: 404, code: "not_found", detail: "There is nothing here.")
    static let expectationFailed = Refusal(
        status: 417, code: "expectation.failed", detail: "Only 100-continue can be expected.", closes: true)
    static let headerTimeout = Refusal(
        status: 408, code: "request.timeout", detail: "The request took too long to arrive.", closes: true)
    static let bodyTooSlow = Refusal(
        status: 408, code: "request.timeout", detail: "The request's body arrived too slowly.", closes: true)
    static let internalError = Refusal(
        status: 500, code: "internal", detail: "Something went wrong on our side.")

    static func bodyTooLarge(_ limit: Int) -> Refusal {
        Refusal(
            status: 413, code: "body.too_large", detail: "The body must not have more than \(limit) bytes.")
    }

    init(
        status: Int, code: String, detail: String, retryAfter: Duration? = nil, challenge: String? = nil,
        closes: Bool = false, isForClient: Bool = false
    ) {
        self.status = status
        self.code = code
        self.detail = detail
        self.retryAfter = retryAfter
        self.challenge = challenge
        self.closes = closes
        self.isForClient = isForClient
    }

    /// What could not be read as a request. Nothing that follows it can be trusted.
    init(_ error: WireError) {
        switch error {
        case .badRequest(let why), .badResponse(let why):
            self.init(status: 400, code: "request.invalid", detail: why, closes: true)
        case .targetTooLong:
            self.init(status: 414, code: "target.too_long", detail: "The address is too long.", closes: true)
        case .fieldsTooLarge:
            self.init(
                status: 431, code: "headers.too_large", detail: "The header fields are too large.",
                closes: true)
        case .notImplemented(let why):
            self.init(status: 501, code: "not_implemented", detail: why, closes: true)
        case .versionNotSupported:
            self.init(
                status: 505, code: "version.not_supported",
                detail: "Only HTTP/1.0, 1.1 and 2 are spoken here.",
                closes: true)
        }
        isForClient = true
    }

    init(_ error: TokenError) {
        if error.kind == .unavailable {
            self.init(
                status: 503, code: error.code, detail: error.message,
                retryAfter: error.retryAfter ?? .seconds(1))
        } else {
            self.init(
                status: 401, code: error.code, detail: error.message,
                challenge: "Bearer realm=\"souk\", error=\"invalid_token\"")
        }
    }

    /// The answer as it goes to the client: a problem (RFC 9457).
    func answer(identity: RequestIdentity, date: String, isHead: Bool) -> (
        head: ResponseHead, body: ByteBuffer
    )? {
        var fields = HTTPFields()
        if let retryAfter {
            let seconds = retryAfter.components.seconds + (retryAfter.components.attoseconds > 0 ? 1 : 0)
            fields[.retryAfter] = String(max(1, seconds))
        }
        fields[.wwwAuthenticate] = challenge
        fields[.cacheControl] = "no-store"
        let reply = Reply.problem(
            status: status, code: code, detail: detail, headers: fields, requestID: identity.text)
        return OwnAnswer.make(
            status: status, fields: SecurityHeaders.added(to: reply.headers),
            body: ByteBuffer(bytes: reply.body),
            date: date, isHead: isHead)
    }
}

/// Answers that come from no upstream, in the form in which those of upstreams come.
enum OwnAnswer {
    static func make(
        status: Int, fields: HTTPFields, body: ByteBuffer, date: String, isHead: Bool
    ) -> (head: ResponseHead, body: ByteBuffer)? {
        guard
            let head = head(
                status: status, fields: fields, length: body.readableBytes, date: date, isHead: isHead)
        else { return nil }
        return (head, isHead ? ByteBuffer() : body)
    }

    /// - Parameter length: of the body; nil where it isn't known.
    static func head(status: Int, fields: HTTPFields, length: Int?, date: String, isHead: Bool)
        -> ResponseHead?
    {
        var text = "HTTP/1.1 \(status) \(HTTPResponseStatus(statusCode: status).reasonPhrase)\r\n"
        for field in fields where field.name != .contentLength && field.name != .transferEncoding {
            text += "\(field.name.rawName): \(field.value)\r\n"
        }
        if fields[.date] == nil { text += "Date: \(date)\r\n" }
        if let length, status != 204, status != 304 { text += "Content-Length: \(length)\r\n" }
        text += "\r\n"
        var bytes = ByteBuffer(string: text)
        var limits = HeadLimits()
        limits.maxFieldBytes = 64 << 10
        limits.maxFields = 200
        var parser = ResponseParser(limits: limits)
        return try? parser.parse(&bytes, requestMethod: isHead ? .head : .get)
    }
}

extension Exchange {
    /// Answers with a problem, and lets go of whatever was under way.
    func refuse(_ refusal: Refusal) {
        guard let client, stage != .over else { return }
        guard stage != .answering, stage != .tunnel else { return breakOff() }
        client.pay(for: refusal)
        let connection = upstream
        upstream = nil
        connection?.abandon()
        if let local {
            self.local = nil
            local.cancel()
        }
        guard
            let answer = refusal.answer(identity: identity, date: state.date(), isHead: head.method == .head)
        else {
            return breakOff()
        }
        finish(answer.head, answer.body)
        client.flush()
    }

    func refuse(_ error: TokenError) { refuse(Refusal(error)) }

    /// A whole answer at once.
    func finish(_ head: ResponseHead, _ body: ByteBuffer) {
        answer(head)
        if body.readableBytes > 0 { answer(body) }
        answerEnds(nil)
    }

    /// Answers a preflight as the Fetch Standard has it: 204 either way; without the `Access-Control` fields browsers refuse.
    func preflight(_ policy: CORSPolicy, _ origin: String) {
        corsFields = policy.preflightFields(for: origin)
        guard
            let head = OwnAnswer.head(
                status: 204, fields: SecurityHeaders.added(to: [:]), length: nil, date: state.date(),
                isHead: false)
        else { return breakOff() }
        finish(head, ByteBuffer())
        client?.flush()
    }
}
