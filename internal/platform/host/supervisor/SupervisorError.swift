import Glibc

/// The supervisor itself can't go on.
package struct SupervisorError: Error, Hashable, CustomStringConvertible {
    package let description: String

    /// - Parameter errorNumber: `errno`.
    init(_ what: String, _ errorNumber: Int32) {
        description = "the supervisor can't make \(what): \(String(cString: strerror(errorNumber)))"
    }
}
