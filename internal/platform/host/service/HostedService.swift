package import ServiceLifecycle
package import SoukEventsRuntime
package import SoukHTTP

/// A service of the marketplace, as the host sees it.
package protocol HostedService: Sendable {
    /// Lower-case and short: `order`.
    var name: String { get }
    /// Brings the database up to date and takes up what a dead process left; called once, before serving.
    func prepare() async throws
    /// Registers the routes; called once, before serving.
    func registerRoutes(_ routes: Routes)
    /// Relay, consumers and jobs: they run until shutdown.
    var backgroundServices: [any Service] { get }
    /// For looking after the service's events; `nil` when it has none.
    var events: (any EventAdministration)? { get }
}
