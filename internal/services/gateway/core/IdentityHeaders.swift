/// Headers by which something in front of a service could claim who is calling. None is trusted from outside, so the
/// gateway takes them off in every spelling: any case, and `_` or `.` for `-`, which some servers treat alike.
enum IdentityHeaders {
    private static let names: Set<String> = [
        "x-user-id", "x-user", "x-user-email", "x-user-name", "x-user-role", "x-user-roles", "x-roles",
        "x-role",
        "x-principal", "x-session-id", "x-vendor-id", "x-customer-id", "x-admin", "x-remote-user",
        "remote-user",
        "x-forwarded-user", "x-forwarded-email", "x-forwarded-groups", "x-forwarded-preferred-username",
        "x-authenticated-user", "x-authenticated-userid", "x-auth-request-user", "x-auth-request-email",
        "x-auth-request-groups", "x-consumer-id", "x-consumer-username", "x-client-cert", "x-ssl-client-cert",
    ]
    private static let prefixes = ["x-souk-", "x-internal-", "x-goog-authenticated-user-"]

    /// Whether a header claims an identity.
    static func contains(_ name: String) -> Bool {
        let spelled = String(name.lowercased().map { $0 == "_" || $0 == "." ? "-" : $0 })
        return names.contains(spelled) || prefixes.contains { spelled.hasPrefix($0) }
    }
}
