/// Why a message was refused. Whatever it is, the connection's framing is lost: answer if the case has a
/// status, then close.
///
/// The sentences are fixed and never contain anything that a peer sent.
package enum WireError: Error, Sendable, Equatable {
    /// 400 (Bad Request), and why.
    case badRequest(String)
    /// 414 (URI Too Long).
    case targetTooLong
    /// 431 (Request Header Fields Too Large, RFC 6585): too many bytes or too many fields, in a head or in
    /// trailers.
    case fieldsTooLarge
    /// 501 (Not Implemented): a transfer coding other than chunked (RFC 9112, section 6.1).
    case notImplemented(String)
    /// 505 (HTTP Version Not Supported): neither HTTP/1.0 nor HTTP/1.1.
    case versionNotSupported
    /// A response can't be trusted: 502 (Bad Gateway) to the client, and why.
    case badResponse(String)

    /// The same fault, found in a response.
    var inResponse: WireError {
        switch self {
        case .badRequest(let reason), .notImplemented(let reason), .badResponse(let reason):
            .badResponse(reason)
        case .targetTooLong: .badResponse("The status line is too long.")
        case .fieldsTooLarge: .badResponse("The fields are too large.")
        case .versionNotSupported: .badResponse("The HTTP version is neither 1.0 nor 1.1.")
        }
    }
}

/// Which way a message goes: decides how what is wrong with it is reported.
package enum MessageKind: Sendable {
    case request
    case response

    func fault(_ error: WireError) -> WireError { self == .request ? error : error.inResponse }
}
