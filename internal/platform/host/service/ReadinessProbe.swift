package import SoukBroker
import SoukCallContext
package import SoukDatabase
import SoukErrors

/// One thing that a process needs in order to serve, and how to ask whether it is there.
package struct ReadinessProbe: Sendable {
    /// A probe that takes longer counts as failing.
    static let timeout: Duration = .seconds(2)

    /// Names it in the answer: `order.database`.
    package let name: String
    /// Whether the process can't serve without it. Of one that it can do without for a while the answer tells too,
    /// and stays 200.
    package let isRequired: Bool
    private let check: @Sendable () async throws -> Void

    /// A probe that fails by throwing.
    package init(_ name: String, isRequired: Bool = true, check: @escaping @Sendable () async throws -> Void)
    {
        self.name = name
        self.isRequired = isRequired
        self.check = check
    }

    /// Whether the database answers.
    package static func database(_ name: String, _ database: any Database) -> ReadinessProbe {
        ReadinessProbe(name) { try await database.ping() }
    }

    /// Whether the broker can be used.
    package static func broker(
        _ name: String, isRequired: Bool = true, _ broker: any Broker
    ) -> ReadinessProbe {
        ReadinessProbe(name, isRequired: isRequired) { try await broker.checkReadiness() }
    }

    func run() async -> ReadinessReport.Check {
        let start = ContinuousClock.now
        let context = CallContext(requestID: "readiness", deadline: start + Self.timeout)
        var failure: String?
        do {
            try await withDeadline(context) { try await check() }
        } catch {
            // Only what is fit for the public: anybody may ask for readiness.
            failure = (error as? any SoukError)?.message ?? "Not available."
        }
        let taken = (ContinuousClock.now - start).components
        return ReadinessReport.Check(
            name: name, status: failure == nil ? .ok : isRequired ? .failing : .degraded,
            durationMs: taken.seconds * 1_000 + taken.attoseconds / 1_000_000_000_000_000, error: failure)
    }
}

/// The answer of `/readyz`.
package struct ReadinessReport: Sendable, Hashable, Codable {
    /// How the process as a whole is.
    package enum Status: String, Sendable, Codable {
        case starting, ready, failing, stopping
    }

    /// How one thing is.
    package struct Check: Sendable, Hashable, Codable {
        package enum Status: String, Sendable, Codable {
            /// Degraded: away, and the process does without it for a while.
            case ok, degraded, failing
        }

        package let name: String
        package let status: Status
        /// How long the probe took.
        package let durationMs: Int64
        /// What is wrong; left out when nothing is.
        package let error: String?
    }

    package let status: Status
    /// In the order of the probes.
    package let checks: [Check]
}
