import SoukAuthKernel
import SoukAuthRPC
import SoukAuthToken
import SoukGuards
import SoukEventsRuntime
package import SoukProcess
import SoukRPCRuntime

extension AuthService {
    package static let definition = ServiceDefinition(
        name: "auth", abstract: "Serves accounts, roles and sessions: who may call the marketplace.",
        ports: ServicePorts(http: 8101, grpc: 9101),
        routes: [
            "/.well-known/jwks.json", "/api/v1/auth/**", "/api/v1/users/**", "/api/v1/admin/users/**",
        ],
        kernels: [
            KernelOffer(
                AuthKernelKey.self, server: { AuthKernelService(kernel: $0) },
                client: { RemoteAuthKernel($0) }),
            KernelOffer(
                AccountMailKernelKey.self, server: { AccountMailService(kernel: $0) },
                client: { RemoteAccountMailKernel($0) }),
        ],
        handles: VendorStatusConsumer.events.interests.union(AccountChangeRepeater.events.interests)
    ) { composition in
        let directory = try composition.directory("SOUK_AUTH_KEYS_DIR", named: "keys")
        let keys = try await TokenKeys.loadOrCreate(directory: directory)
        composition.verifyTokens(with: keys)
        let auth = try AuthService(resources: try await composition.resources(), keys: keys)
        composition.offer(auth.kernel, as: AuthKernelKey.self)
        composition.offer(auth.mails, as: AccountMailKernelKey.self)
        let accounts = try composition.accounts()
        auth.endings.observe { accounts.announce($0) }
        return ServiceParts([auth], rpc: [.users(auth.accounts), .userProfiles(auth.accounts)])
    }
}
