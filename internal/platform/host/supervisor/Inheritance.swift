/// What a supervisor hands to the process that it starts, as environment variables.
struct Inheritance: Sendable, Hashable {
    /// Sockets that listen, by name.
    var sockets: [String: Int32]
    /// The supervisor.
    var parent: Int32
    /// How often the process was started again.
    var restarts: Int
    /// Since when nobody serves: the start of the supervisor or the end of the process before, in nanoseconds of
    /// `CLOCK_MONOTONIC`.
    var awaySince: Int64
    /// Where a crash is described; nil for standard error.
    var crashFile: String?

    /// `parent=12 restarts=0 since=345 http=3 ops=4`
    static let variable = "SOUK_SUPERVISED"
    static let crashFileVariable = "SOUK_SUPERVISED_CRASH_FILE"
    /// Has Swift's runtime handle no crash. Until ours took over, its handlers would start a debugger, which takes seconds, or
    /// go on after a signal that somebody sent.
    static let runtimeVariable = "SWIFT_BACKTRACE"

    static let names = [variable, crashFileVariable, runtimeVariable]

    var variables: [String: String] {
        var words = ["parent=\(parent)", "restarts=\(restarts)", "since=\(awaySince)"]
        words += sockets.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        var variables = [Self.variable: words.joined(separator: " "), Self.runtimeVariable: "enable=no"]
        variables[Self.crashFileVariable] = crashFile
        return variables
    }
}

extension Inheritance {
    /// Nil for variables of a process that has no supervisor, or that no supervisor wrote.
    init?(variables: [String: String]) {
        guard let text = variables[Self.variable] else { return nil }
        var values: [String: Int64] = [:]
        for word in text.utf8.split(separator: UInt8(ascii: " ")) {
            let parts = word.split(
                separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let name = String(parts[0]),
                let value = String(parts[1]).flatMap(Int64.init),
                values.updateValue(value, forKey: name) == nil
            else { return nil }
        }
        guard let parent = values.removeValue(forKey: "parent").flatMap(Int32.init(exactly:)), parent > 0,
            let restarts = values.removeValue(forKey: "restarts").flatMap(Int.init(exactly:)), restarts >= 0,
            let since = values.removeValue(forKey: "since")
        else { return nil }
        var sockets: [String: Int32] = [:]
        for (name, value) in values {
            guard let descriptor = Int32(exactly: value), descriptor > 2 else { return nil }
            sockets[name] = descriptor
        }
        self.init(
            sockets: sockets, parent: parent, restarts: restarts, awaySince: since,
            crashFile: variables[Self.crashFileVariable])
    }
}
