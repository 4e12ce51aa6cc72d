/// What a broker carries. It knows nothing of events: headers and payload are the caller's.
package struct BrokerMessage: Sendable, Hashable {
    /// The publisher's id for the message. The broker carries it and does not look for duplicates.
    package let id: String
    /// Messages of one key keep their order; an empty key asks for none.
    package let key: String
    package let headers: [String: String]
    package let payload: [UInt8]

    package init(id: String, key: String, headers: [String: String] = [:], payload: [UInt8]) {
        self.id = id
        self.key = key
        self.headers = headers
        self.payload = payload
    }
}
