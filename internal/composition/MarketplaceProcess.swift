import GRPCNIOTransportHTTP2Posix
import SoukAuthGuard
import SoukAuthRPC
package import SoukEnv
import SoukEvents
package import SoukGuards
package import SoukProcess

/// A service of the marketplace as a process of its own.
package protocol MarketplaceProcess: ProcessDefinition {}

extension MarketplaceProcess {
    package static var groups: [String: Set<String>] {
        Dictionary(
            uniqueKeysWithValues: ConsumerGroup.allCases.map { ($0.rawValue, Set($0.topics.map(\.rawValue))) }
        )
    }
}

extension ProcessContext {
    /// Refuses callers whose session has ended, by asking the auth service over gRPC and remembering its answers.
    ///
    /// - Throws: `ConfigurationError`.
    package mutating func accountGuard() throws(ConfigurationError) -> ActiveAccountGuard {
        let accounts = ActiveAccountGuard(
            auth: RemoteAuthKernel(try peer("auth")), cache: cache, clock: clock)
        run(accounts)
        return accounts
    }
}
