package import SoukCallContext
package import SoukErrors

/// Whether the caller whom a verified access token names is still to be served, and with which roles: a token says what
/// was true when it was issued, a guard what is true now.
package protocol AccountGuard: Sendable {
    /// The caller with the roles that the account has now, if the session goes on and the account is active.
    ///
    /// The roles of the token don't matter: it proves who calls, and the account says what they may do.
    ///
    /// - Throws: ``AccountRefusal``, or what keeps the guard from knowing: kind `.unavailable` (or `.timedOut`), which
    ///   is no permission either.
    func admit(
        _ caller: Principal, _ freshness: AuthorityFreshness, _ context: CallContext
    ) async throws -> Principal
}

/// How old the knowledge may be that decides about a caller.
package enum AuthorityFreshness: Sendable, Hashable {
    /// What was true a moment ago: memory and the shared cache are asked before the account service.
    case remembered
    /// What the account service's database says now; no cache is asked.
    case current
}

/// Why a caller with a good access token is refused all the same.
package enum AccountRefusal: SoukError, Hashable {
    /// Logged out, revoked, or expired: the token is no longer good. 401.
    case sessionEnded
    /// An admin has deactivated the account. 403.
    case accountInactive
    /// Neither a cache nor the account service could say. 503.
    case unknown(String)

    package var kind: ErrorKind {
        switch self {
        case .sessionEnded: .unauthenticated
        case .accountInactive: .forbidden
        case .unknown: .unavailable
        }
    }

    package var code: String {
        switch self {
        case .sessionEnded: "token.session_ended"
        case .accountInactive: "auth.account_inactive"
        case .unknown: "auth.unavailable"
        }
    }

    package var message: String {
        switch self {
        case .sessionEnded: "The session of this access token has ended; log in again."
        case .accountInactive: "This account has been deactivated."
        case .unknown: "Your account can't be checked right now; try again in a moment."
        }
    }

    package var detail: String? {
        switch self {
        case .unknown(let detail): detail
        case .sessionEnded, .accountInactive: nil
        }
    }

    package var retryAfter: Duration? {
        switch self {
        case .unknown: .seconds(2)
        case .sessionEnded, .accountInactive: nil
        }
    }
}
