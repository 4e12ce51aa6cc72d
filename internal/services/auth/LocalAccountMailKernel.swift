import SoukAuthKernel
import SoukCallContext
import SoukIDs
import SoukIdentifiers
import SoukTime

/// The account mail kernel over the requests in the database.
struct LocalAccountMailKernel: AccountMailKernel {
    let requests: any MailRequestStore
    let clock: any WallClock

    func mail(
        for request: MailRequestID, _ context: CallContext
    ) async throws(AuthKernelError) -> AccountMail? {
        do {
            try context.checkDeadline()
            // 256 bits.
            return try await requests.mail(
                for: request, token: MailToken(RandomToken.make(bytes: 32)), at: clock.now())
        } catch {
            throw .unavailable("\(error)")
        }
    }
}
