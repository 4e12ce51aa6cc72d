import SoukAPI
import SoukAuthKernel
import SoukCallContext
import SoukErrors
import SoukIDs
import SoukPagination

/// The account kernel over the use cases that the HTTP routes call.
struct LocalAccountKernel: AccountKernel {
    let registration: Registration
    let login: Login
    let refresh: TokenRefresh
    let devices: DeviceTokens
    let profiles: Profiles
    let administration: UserAdministration
    let clients: ClientAddresses

    func create(
        email: String, password: String, name: String, from client: String, _ context: CallContext
    ) async throws(AccountError) -> AccountGrant {
        try await answer(context) {
            let body = try Self.read(
                RegisterBody.self, ["email": email, "password": password, "name": name])
            let grant = try await registration.register(
                email: body.email, password: body.password, name: body.name, from: clients.client(client))
            return try await AccountGrant(grant, deviceToken: devices.issue(for: grant.user.id))
        }
    }

    func logIn(
        email: String, password: String, deviceToken: String?, from client: String, _ context: CallContext
    ) async throws(AccountError) -> AccountGrant {
        try await answer(context) {
            let body = try Self.read(
                LoginBody.self, ["email": email, "password": password, "device_token": deviceToken])
            let grant = try await login.logIn(
                email: body.email, password: body.password, from: clients.client(client),
                deviceToken: body.deviceToken)
            return try await AccountGrant(grant, deviceToken: devices.issue(for: grant.user.id))
        }
    }

    func refresh(
        _ refreshToken: String, from client: String, _ context: CallContext
    ) async throws(AccountError) -> AccountGrant {
        try await answer(context) {
            let body = try Self.read(RefreshBody.self, ["refresh_token": refreshToken])
            return AccountGrant(try await refresh.refresh(body.refreshToken, from: clients.client(client)))
        }
    }

    func logOut(
        _ refreshToken: String, from client: String, _ context: CallContext
    ) async throws(AccountError) {
        try await answer(context) {
            let body = try Self.read(RefreshBody.self, ["refresh_token": refreshToken])
            try await refresh.logOut(body.refreshToken, from: clients.client(client))
        }
    }

    func user(_ id: UserID?, _ context: CallContext) async throws(AccountError) -> AccountUser {
        try await answer(context) {
            let principal = try Self.principal(context)
            guard let id, id != principal.userID else {
                return AccountUser(try await profiles.own(principal))
            }
            try Self.checkAdmin(principal)
            return AccountUser(try await administration.user(id))
        }
    }

    func users(
        _ filter: AccountFilter, _ page: PageRequest, _ context: CallContext
    ) async throws(AccountError) -> Page<AccountUser> {
        try await answer(context) {
            try Self.checkAdmin(try Self.principal(context))
            if let text = filter.text { try UserFilter.check(text, field: "query") }
            return try await administration.list(UserFilter(text: filter.text, role: filter.role), page)
                .map(AccountUser.init)
        }
    }

    private func answer<T: Sendable>(
        _ context: CallContext, _ body: () async throws -> T
    ) async throws(AccountError) -> T {
        do {
            return try await withDeadline(context, body)
        } catch {
            throw AccountError(error)
        }
    }

    /// Checks values by the rules of the HTTP body of the same fields: there is one set of them.
    private static func read<B: RequestBody>(_ type: B.Type, _ fields: [String: String?]) throws -> B {
        try JSONCoding.decodeBody(type, from: try JSONCoding.encode(fields))
    }

    private static func principal(_ context: CallContext) throws(ServiceError) -> Principal {
        guard let principal = context.principal else {
            throw ServiceError(
                .unauthenticated, code: "auth.required", message: "An access token is required.")
        }
        return principal
    }

    private static func checkAdmin(_ principal: Principal) throws(ServiceError) {
        guard principal.has(.admin) else {
            throw ServiceError(
                .forbidden, code: "auth.forbidden", message: "Only administrators may do this.")
        }
    }
}

extension AccountUser {
    fileprivate init(_ user: User) {
        self.init(
            id: user.id, email: user.email, isEmailVerified: user.isEmailVerified, name: user.name,
            roles: user.roles, isActive: user.isActive, version: user.version, createdAt: user.createdAt,
            updatedAt: user.updatedAt)
    }
}

extension AccountGrant {
    fileprivate init(_ grant: Grant, deviceToken: String? = nil) {
        self.init(
            user: AccountUser(grant.user), accessToken: grant.accessToken, refreshToken: grant.refreshToken,
            expiresIn: grant.expiresIn, deviceToken: deviceToken)
    }
}
