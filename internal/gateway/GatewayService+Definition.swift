package import SoukProcess
import SoukService

extension GatewayService {
    package static let definition = ServiceDefinition(
        name: "gateway", executable: "gateway",
        abstract: "Serves the one entrance of the marketplace: a proxy in front of all services.",
        ports: ServicePorts(http: 8080, grpc: nil), databases: [], isEntrance: true
    ) { composition in
        let frontend = try GatewayFrontend(
            environment: composition.environment,
            services: composition.system.services.filter { !$0.routes.isEmpty }.map { service in
                RoutedService(
                    name: service.name, port: service.ports.http, routes: service.routes,
                    isLocal: composition.hosted.contains(service.name))
            },
            verifier: try composition.tokenVerifier(), cache: composition.cache, clock: composition.clock)
        var parts = ServiceParts([GatewayService(clock: composition.clock)])
        parts.frontend = frontend
        parts.probes = frontend.probes
        parts.administrations = try composition.eventAdministrations()
        return parts
    }
}
