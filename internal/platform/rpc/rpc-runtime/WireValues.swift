import SoukCallContext
package import SoukIDs
package import SwiftProtobuf

extension MalformedMessage {
    /// Refuses a list of more than a kernel takes in one call.
    package static func checkBatch(_ count: Int, _ field: String) throws(MalformedMessage) {
        guard count <= KernelBatch.limit else { throw MalformedMessage(field) }
    }
}

extension ID {
    /// The identifiers that a message holds, at most ``KernelBatch/limit`` of them.
    ///
    /// Throws: `MalformedMessage` when there are more, or one is no UUID.
    package static func batch(_ texts: [String], field: String) throws(MalformedMessage) -> [ID] {
        try MalformedMessage.checkBatch(texts.count, field)
        var ids: [ID] = []
        ids.reserveCapacity(texts.count)
        for (index, text) in texts.enumerated() { ids.append(try ID(text, field: "\(field)[\(index)]")) }
        return ids
    }
}

extension Google_Protobuf_Duration {
    /// The same duration; fractions of a nanosecond are dropped.
    package init(_ duration: Duration) {
        self.init(
            seconds: duration.components.seconds,
            nanos: Int32(duration.components.attoseconds / 1_000_000_000))
    }

    /// The same duration; `field` is where it stood.
    ///
    /// Throws: `MalformedMessage` outside of the type's own bounds: ten thousand years, both parts of one sign.
    package func duration(_ field: String) throws(MalformedMessage) -> Duration {
        guard (-315_576_000_000...315_576_000_000).contains(seconds),
            (-999_999_999...999_999_999).contains(nanos),
            seconds == 0 || nanos == 0 || (seconds < 0) == (nanos < 0)
        else { throw MalformedMessage(field) }
        return .seconds(seconds) + .nanoseconds(nanos)
    }
}
