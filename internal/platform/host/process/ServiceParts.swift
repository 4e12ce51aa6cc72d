package import SoukEventsRuntime
package import SoukRPCRuntime
package import SoukService

/// What a service consists of once it is composed.
package struct ServiceParts: Sendable {
    /// The service itself, after what it hosts.
    package var services: [any HostedService]
    /// Served over gRPC besides its kernels.
    package var rpc: [RPCService]
    /// What accepts connections; nil for a plain HTTP/1.1 server.
    package var frontend: (any HTTPFrontend)?
    package var probes: [ReadinessProbe] = []
    /// The events that its routes administer.
    package var administrations: [any EventAdministration] = []

    package init(_ services: [any HostedService], rpc: [RPCService] = []) {
        self.services = services
        self.rpc = rpc
    }
}
