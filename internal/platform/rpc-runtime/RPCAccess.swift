package import GRPCCore

/// Who may call a service's methods.
package enum RPCAccess: Sendable, Hashable {
    /// Anybody, without credentials.
    case open
    /// Users: an access token in `authorization: Bearer …`.
    case user
    /// These services of ours and no other: a service's own token in `souk-identity`.
    case services(Set<String>)
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
