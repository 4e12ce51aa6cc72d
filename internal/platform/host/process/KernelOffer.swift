package import GRPCCore
package import SoukCallContext
package import SoukRPCRuntime
import SoukService

/// A kernel that a service offers its peers, and how it is served and called over gRPC.
package struct KernelOffer: Sendable {
    package let key: any KernelKey.Type
    private let connection: @Sendable (HTTP2Peer) -> any Sendable
    private let server: @Sendable (any Sendable) -> (any RegistrableRPCService)?

    /// - Parameters:
    ///   - server: Serves the kernel to other processes.
    ///   - client: Calls it in another process.
    package init<Key: KernelKey>(
        _ key: Key.Type, server: @escaping @Sendable (Key.Kernel) -> any RegistrableRPCService,
        client: @escaping @Sendable (HTTP2Peer) -> Key.Kernel
    ) {
        self.key = key
        connection = client
        self.server = { kernel in (kernel as? Key.Kernel).map(server) }
    }

    /// The kernel in another process; of the key's type.
    func client(_ peer: HTTP2Peer) -> any Sendable { connection(peer) }

    /// The gRPC service of a kernel of the key's type, for these services only.
    ///
    /// - Throws: `StartupError` for a kernel of another type.
    func service(_ kernel: any Sendable, callers: Set<String>) throws(StartupError) -> RPCService {
        guard let service = server(kernel) else {
            throw StartupError("\(type(of: kernel)) is not what \(key) names")
        }
        return RPCService(service, access: .services(callers))
    }
}
