package import GRPCCore
package import SoukCallContext

/// Who may call a service's methods.
package enum RPCAccess: Sendable, Hashable {
    /// Anybody, without credentials.
    case open
    /// Users: an access token in `authorization: Bearer …`, of an account that is in order by the account service's database.
    case user
    /// These services of ours and no other, for themselves: a service's own token in `souk-identity`.
    case services(Set<String>)
    /// These services of ours for a user who has the role: beside the service's token the user's, as for ``user``. What a
    /// service says of a user without it counts for nothing.
    case delegated(Set<String>, Role)
}

/// A service to serve, and who may call it. There is no service without a policy.
package struct RPCService: Sendable {
    let service: any RegistrableRPCService
    let access: RPCAccess

    /// All methods that `service` registers, under one policy.
    package init(_ service: any RegistrableRPCService, access: RPCAccess) {
        self.service = service
        self.access = access
    }
}
