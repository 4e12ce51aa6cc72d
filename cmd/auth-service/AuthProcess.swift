import SoukAuth
import SoukAuthGuard
import SoukAuthRPC
import SoukAuthToken
import SoukComposition
import SoukEnv
import SoukGuards
import SoukProcess
import SoukRPCRuntime

/// The auth service's executable.
@main
enum AuthProcess: MarketplaceProcess {
    static let name = "auth"
    static let abstract = "Serves accounts, roles and sessions: who may call the marketplace."

    static func main() async { await ProcessCommand<Self>.main() }

    static func compose(_ process: inout ProcessContext) async throws -> ProcessParts {
        let directory = try process.environment.string("SOUK_AUTH_KEYS_DIR")
        let keys = try await TokenKeys.loadOrCreate(directory: directory)
        let auth = try AuthService(resources: try process.resources(for: name), keys: keys)
        let accounts = ActiveAccountGuard(auth: auth.kernel, cache: process.cache, clock: process.clock)
        auth.endings.observe { user, sessions in accounts.drop(sessions: sessions, of: user) }
        process.run(accounts)
        return ProcessParts(
            services: [auth],
            rpc: [
                .authKernel(auth.kernel), .users(auth.accounts), .userProfiles(auth.accounts),
                .accountMails(auth.mails),
            ], verifier: keys, accounts: accounts)
    }
}
