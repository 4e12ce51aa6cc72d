import CPQ
import SoukDatabase
import SoukText

/// What a connection URI says, parameter by parameter. Its description never holds the password.
struct PostgresTarget: Sendable {
    private let parameters: [String: String]

    /// - Throws: `.connection`; libpq's words are cut before they quote the URI, which may hold a password.
    init(url: String) throws(DatabaseError) {
        guard ["postgres://", "postgresql://"].contains(where: { url.hasPrefix(bytes: $0) }) else {
            throw DatabaseError(.connection, detail: "the database's URL does not begin with postgres://")
        }
        var words: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(url, &words) else {
            defer { PQfreemem(words) }
            let reason = words.map { String(cString: $0) } ?? "no memory"
            let cause = reason.prefix(beforeByte: ":").prefix(beforeByte: "\"")
            throw DatabaseError(.connection, detail: "the database's URL cannot be read: \(cause)")
        }
        defer { PQconninfoFree(options) }
        var parameters: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val {
                parameters[String(cString: keyword)] = String(cString: value)
            }
            option += 1
        }
        self.parameters = parameters
    }

    /// All that libpq needs to connect: what the URI says, and our settings where it says nothing.
    func parameters(_ options: PostgresOptions) -> [String: String] {
        let seconds = max(2, Int(options.connectTimeout.components.seconds))
        var merged = [
            "application_name": options.applicationName, "connect_timeout": String(seconds),
            // A peer that vanished is found within a minute, idle or not.
            "keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3",
            "tcp_user_timeout": "30000",
        ].merging(parameters) { _, given in given }
        if let password = options.password { merged["password"] = password }
        merged["client_encoding"] = "UTF8"
        // Of statements without a BEGIN: those that read, and those that say so. All others bring their own.
        var settings = ["-c default_transaction_isolation=read\\ committed"]
        if let timeout = options.statementTimeout {
            settings.append("-c statement_timeout=\(max(1, Int64(timeout / .milliseconds(1))))")
        }
        // The last word is the URI's.
        if let given = parameters["options"] { settings.append(given) }
        merged["options"] = settings.joined(separator: " ")
        return merged
    }
}

extension PostgresTarget: CustomStringConvertible, CustomReflectable {
    /// Where it is and who logs in: `souk@db1:5432,db2/orders`.
    var description: String {
        let hosts = (parameters["host"] ?? parameters["hostaddr"] ?? "local").split(byte: ",")
        let ports = (parameters["port"] ?? "").split(byte: ",", omittingEmptySubsequences: false)
        let places = hosts.enumerated().map { index, host in
            let port = ports.count == 1 ? ports[0] : index < ports.count ? ports[index] : ""
            return port.isEmpty ? String(host) : "\(host):\(port)"
        }
        let user = parameters["user"].map { $0 + "@" } ?? ""
        return user + places.joined(separator: ",") + "/" + (parameters["dbname"] ?? "")
    }

    var customMirror: Mirror { Mirror(self, children: ["target": description]) }
}
