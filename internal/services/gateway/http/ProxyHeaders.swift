import HTTPTypes

/// What of a message's header is for the next hop only, and what a proxy adds (RFC 9110, section 7.6).
enum ProxyHeaders {
    private static let hopByHop: Set<String> = [
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade",
    ]
    /// Where a client could claim to be somebody else, or to have come another way; the gateway says it itself.
    private static let claims: Set<String> = [
        "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port",
        "x-real-ip", "x-request-id", "via", "traceparent", "tracestate",
    ]

    /// The fields of a request that go on to the service.
    static func forward(request fields: HTTPFields) -> HTTPFields {
        let named = connectionOptions(fields)
        return fields.filter { field in
            let name = field.name.canonicalName
            return !hopByHop.contains(name) && !named.contains(name) && !claims.contains(name)
                && name != "host" && name != "content-length" && name != "expect"
        }
    }

    /// The fields of an answer that go on to the client.
    static func forward(response fields: HTTPFields) -> HTTPFields {
        let named = connectionOptions(fields)
        return fields.filter { field in
            let name = field.name.canonicalName
            // The server writes its own length, date and name.
            return !hopByHop.contains(name) && !named.contains(name) && name != "content-length"
                && name != "date" && name != "server"
        }
    }

    /// Fields that `Connection` names are for one hop as well.
    private static func connectionOptions(_ fields: HTTPFields) -> Set<String> {
        Set(
            fields[values: .connection].flatMap { $0.split(separator: ",") }
                .map { $0.filter { !$0.isWhitespace }.lowercased() })
    }
}

extension HTTPFields {
    fileprivate func filter(_ isKept: (HTTPField) -> Bool) -> HTTPFields {
        var kept = HTTPFields()
        for field in self where isKept(field) { kept.append(field) }
        return kept
    }
}
