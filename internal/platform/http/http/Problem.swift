package import HTTPTypes
import Hummingbird
import HummingbirdCore
import Instrumentation
import Logging
import NIOCore
import NIOHTTP1
import SoukAPI
package import SoukErrors
import SoukObservability

/// What an error says to the client, and how it is logged: the one mapping from errors to responses.
struct Problem {
    let status: Int
    let code: String
    let detail: String
    var fieldErrors: [FieldError] = []
    var headers: HTTPFields = [:]
    /// For the log; `nil` when the public detail says all.
    var logged: String?

    init(status: Int, code: String, detail: String) {
        self.status = status
        self.code = code
        self.detail = detail
    }

    init(_ error: any Error) {
        switch error {
        case let error as any SoukError: self.init(error)
        case let error as HTTPError: self.init(error)
        case let error as NIOTooManyBytesError:
            self.init(ServiceError.bodyTooLarge(error.maxBytes ?? 1 << 20))
        case is DecodingError:
            self.init(status: 400, code: "request.invalid", detail: "The request could not be understood.")
            logged = String(reflecting: error)
        case is CancellationError:
            self.init(status: 503, code: "request.cancelled", detail: "The request was abandoned; try again.")
            headers[.retryAfter] = "1"
        default:
            self.init(status: 500, code: "internal", detail: "Something went wrong on our side.")
            logged = String(reflecting: error)
        }
    }

    private init(_ error: any SoukError) {
        self.init(status: error.kind.httpStatus, code: error.code, detail: error.message)
        fieldErrors = error.fieldErrors
        logged = error.logDescription
        if let wait = error.retryAfter {
            headers[.retryAfter] = String(max(1, wait.roundedUpToSeconds))
        } else if error.kind == .unavailable {
            headers[.retryAfter] = "1"
        }
        if error.kind == .unauthenticated {
            headers[.wwwAuthenticate] = AuthenticationMiddleware.challenge(for: error)
        }
    }

    private init(_ error: HTTPError) {
        let status = error.status.code
        let detail = error.body ?? error.status.reasonPhrase
        if status >= 500 {
            self.init(
                status: status, code: status == 503 ? "unavailable" : "internal",
                detail: error.status.reasonPhrase)
            logged = error.description
        } else {
            self.init(status: status, code: Self.codes[status] ?? "request.invalid", detail: detail)
        }
        headers = error.headers
        headers[.contentType] = nil
        headers[.contentLength] = nil
    }

    private static let codes: [Int: String] = [
        401: "unauthenticated", 403: "forbidden", 404: "not_found", 405: "method.not_allowed",
        406: "not_acceptable",
        408: "request.timeout", 409: "conflict", 411: "length.required", 412: "precondition.failed",
        413: "body.too_large", 414: "target.too_long", 415: "media_type.unsupported",
        422: "validation.failed",
        428: "precondition.required", 429: "rate.limited", 431: "headers.too_large",
    ]

    /// The answer to the client.
    func reply(requestID: String) -> Reply {
        let details = ProblemDetails(
            status: status, title: HTTPResponseStatus(statusCode: status).reasonPhrase, code: code,
            detail: detail,
            requestID: requestID, traceID: InstrumentationContext.current?.traceID ?? requestID,
            errors: fieldErrors)
        var headers = headers
        headers[.contentType] = ProblemDetails.mediaType
        // Strings and numbers always encode; should they not, the status alone is still right.
        let body = (try? JSONCoding.encode(details)) ?? []
        return Reply(status: HTTPResponse.Status(code: status), headers: headers, body: body)
    }

    /// Logs what went wrong: our faults as errors, the client's only when debugging.
    func log(to logger: Logger, route: String?) {
        let metadata: Logger.Metadata = [
            "code": "\(code)", "status": "\(status)", "route": "\(route ?? "unmatched")",
            "error": "\(logged ?? detail)",
        ]
        switch status {
        case 500: logger.error("request failed", metadata: metadata)
        case 501...: logger.warning("request failed", metadata: metadata)
        default: logger.debug("request refused", metadata: metadata)
        }
    }
}

extension Reply {
    /// The answer for an error outside of the middlewares, which map errors by themselves.
    package static func problem(_ error: any SoukError, requestID: String) -> Reply {
        Problem(error).reply(requestID: requestID)
    }

    /// The answer for what went wrong before there was a request that middlewares could see.
    package static func problem(
        status: Int, code: String, detail: String, headers: HTTPFields, requestID: String
    ) -> Reply {
        var problem = Problem(status: status, code: code, detail: detail)
        problem.headers = headers
        return problem.reply(requestID: requestID)
    }
}

extension Duration {
    /// Whole seconds, rounded up.
    var roundedUpToSeconds: Int64 {
        components.seconds + (components.attoseconds > 0 ? 1 : 0)
    }
}
