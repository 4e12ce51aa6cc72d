package import SoukCallContext
package import SoukGuards
package import SoukService

/// All services of a system and what they have in common.
package struct SystemDefinition: Sendable {
    /// In the order of their ports.
    package let services: [ServiceDefinition]
    /// How every process checks sessions.
    package let accounts: AccountGuardDefinition

    package init(services: [ServiceDefinition], accounts: AccountGuardDefinition) {
        self.services = services
        self.accounts = accounts
    }

    /// The service of that name.
    ///
    /// - Throws: `StartupError` when there is none.
    package func service(_ name: String) throws(StartupError) -> ServiceDefinition {
        guard let service = services.first(where: { $0.name == name }) else {
            throw StartupError("there is no service \(name)")
        }
        return service
    }
}

/// What refuses callers whose session has ended, in every process.
package struct AccountGuardDefinition: Sendable {
    /// Asked about sessions by every service but the one that offers it.
    package let kernel: any KernelKey.Type
    let compose: @Sendable (inout Composition) throws -> ActiveAccountGuard

    package init(
        kernel: any KernelKey.Type,
        compose: @escaping @Sendable (inout Composition) throws -> ActiveAccountGuard
    ) {
        self.kernel = kernel
        self.compose = compose
    }
}

// MARK: - Derived

extension SystemDefinition {
    /// The kernels that a service may call.
    package func kernels(calledBy service: ServiceDefinition) -> [any KernelKey.Type] {
        let common = accounts.kernel.service == service.name ? [] : [accounts.kernel]
        return service.peers + common.filter { common in !service.peers.contains { $0 == common } }
    }

    /// The names of the services that may call a kernel.
    package func callers(of key: any KernelKey.Type) -> Set<String> {
        Set(services.filter { kernels(calledBy: $0).contains { $0 == key } }.map(\.name))
    }

    /// The services that may administer the events of the others.
    package var eventAdministrators: Set<String> {
        Set(services.filter(\.isEntrance).map(\.name))
    }

    /// Where clients reach the system on this machine; nil for a system without an entrance.
    package var publicPort: Int? { services.first(where: \.isEntrance)?.ports.http }

    /// The services that one calls in any way, in the order of ``services``.
    package func peers(of service: ServiceDefinition) -> [ServiceDefinition] {
        let called = Set(kernels(calledBy: service).map { $0.service })
        return services.filter {
            $0.name != service.name
                && (called.contains($0.name) || service.isEntrance && $0.hasEvents)
        }
    }

    /// Every consumer group, each named for its service, and its topics.
    package var groups: [String: Set<String>] {
        Dictionary(uniqueKeysWithValues: services.filter(\.hasEvents).map { ($0.name, $0.topics) })
    }

    func offer(of key: any KernelKey.Type) -> KernelOffer? {
        services.first { $0.name == key.service }?.kernels.first { $0.key == key }
    }

    /// The services of these names so that each comes after all that it calls.
    ///
    /// - Throws: `StartupError` when some call each other.
    func compositionOrder(_ names: Set<String>) throws(StartupError) -> [ServiceDefinition] {
        var (ordered, path): ([ServiceDefinition], [String]) = ([], [])
        func visit(_ service: ServiceDefinition) throws(StartupError) {
            guard !ordered.contains(where: { $0.name == service.name }) else { return }
            guard !path.contains(service.name) else {
                throw StartupError(
                    "services call each other: \((path + [service.name]).joined(separator: " → "))")
            }
            path.append(service.name)
            for peer in peers(of: service) { try visit(peer) }
            path.removeLast()
            ordered.append(service)
        }
        for service in services where names.contains(service.name) { try visit(service) }
        return ordered.filter { names.contains($0.name) }
    }
}
