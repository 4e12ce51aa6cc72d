/// What is wrong with the configuration: one line that names the variable.
package struct ConfigurationError: Error, Hashable, CustomStringConvertible {
    /// The variable, or the file and line, that is to blame.
    package let name: String
    /// What is wrong with it, to be read after the name and a colon.
    package let problem: String

    /// Make sure that `problem` quotes no secret.
    package init(_ name: String, _ problem: String) {
        self.name = name
        self.problem = problem
    }

    /// `SOUK_PORT: 'abc' is not a whole number from 0 to 65535`.
    package var description: String { "\(name): \(problem)" }
}
