package import SoukErrors

/// Why a cache gave no answer. Whoever asked goes on without it, or refuses; never takes the silence for a yes.
package enum CacheError: SoukError, Hashable {
    /// The cache can't be reached or answers with an error; the text is for logs.
    case unavailable(String)
    /// A key, value or time to live that no cache takes; the text is for logs.
    case invalidArgument(String)
    /// ``Cache/close()`` was called.
    case closed

    package var kind: ErrorKind {
        switch self {
        case .unavailable, .closed: .unavailable
        case .invalidArgument: .internalError
        }
    }

    package var code: String {
        switch self {
        case .unavailable: "cache.unavailable"
        case .invalidArgument: "cache.invalid_argument"
        case .closed: "cache.closed"
        }
    }

    package var message: String {
        switch self {
        case .unavailable, .closed: "The cache can't be reached right now."
        case .invalidArgument: "The cache can't hold this."
        }
    }

    package var detail: String? {
        switch self {
        case .unavailable(let detail), .invalidArgument(let detail): detail
        case .closed: nil
        }
    }
}
