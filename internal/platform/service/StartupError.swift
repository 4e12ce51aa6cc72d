import Glibc
import NIOCore
import SoukErrors

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

    /// What went wrong when binding the address.
    init(binding host: String, _ port: Int, _ error: any Error) {
        guard let error = error as? IOError else {
            self.init("cannot listen on \(host):\(port)", error)
            return
        }
        switch error.errnoCode {
        case EADDRINUSE: self.init("port \(port) on \(host) is already in use")
        case EACCES: self.init("not allowed to listen on port \(port) of \(host)")
        case EADDRNOTAVAIL: self.init("\(host) is no address of this machine")
        default: self.init("cannot listen on \(host):\(port): \(error.description)")
        }
    }
}
