import Glibc
import SoukErrors
import SoukSupervisor

/// Why a process can't start, or can't go on: one line for the person who started it.
package struct StartupError: Error, Hashable, CustomStringConvertible {
    /// The line.
    package let description: String

    /// `description` names the part and what is wrong with it.
    package init(_ description: String) {
        self.description = description
    }

    /// Wraps what `part` threw; an error that is one already stays as it is.
    init(_ part: String, _ error: any Error) {
        switch error {
        case let error as StartupError: self = error
        case let error as any SoukError: self.init("\(part): \(error.logDescription)")
        default: self.init("\(part): \(error)")
        }
    }

    /// Why an address can't be listened on.
    init(listeningOn host: String, _ port: Int, _ error: ListenError) {
        switch error.errorNumber {
        case EADDRINUSE: self.init("port \(port) on \(host) is already in use")
        case EACCES: self.init("not allowed to listen on port \(port) of \(host)")
        case EADDRNOTAVAIL: self.init("\(host) is no address of this machine")
        default:
            self.init("cannot listen on \(host):\(port): \(String(cString: strerror(error.errorNumber)))")
        }
    }
}
