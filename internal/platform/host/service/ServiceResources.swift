package import Logging
package import SoukBroker
package import SoukDatabase
package import SoukEnv
package import SoukTime

/// What the host gives a service to live on.
package struct ServiceResources: Sendable {
    /// Name of the service: `order`.
    package let name: String
    /// The service's own database, which nobody else reads.
    package let database: any Database
    /// The broker, shared by all services of the process.
    package let broker: any Broker
    /// The time.
    package let clock: any WallClock
    /// The configuration.
    package let environment: Environment
    /// Logs under the service's label: `souk.order`.
    package let logger: Logger

    /// Resources for the service of that name; without `logger` one labelled `souk.` and the name.
    package init(
        name: String, database: any Database, broker: any Broker, clock: any WallClock,
        environment: Environment, logger: Logger? = nil
    ) {
        self.name = name
        self.database = database
        self.broker = broker
        self.clock = clock
        self.environment = environment
        self.logger = logger ?? Logger(label: "souk.\(name)")
    }
}
