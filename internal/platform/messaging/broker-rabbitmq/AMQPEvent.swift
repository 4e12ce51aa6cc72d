import SoukBroker

/// What a server sends without being asked.
enum AMQPEvent {
    case delivered(channel: UInt16, tag: UInt64, MessageMapping.Received)
    /// It has the message with this number, and those before it where `multiple`.
    case confirmed(tag: UInt64, multiple: Bool)
    /// It could not take them.
    case refused(tag: UInt64, multiple: Bool)
    /// The queue is gone, or reading it was ended on the server.
    case readerEnded(channel: UInt16)
    case channelClosed(channel: UInt16, reason: String)
    /// A memory or disk alarm: it reads nothing more from connections that publish.
    case blocked(String)
    case unblocked
}

/// A message, and where it goes.
struct BrokerMessageToSend {
    let message: BrokerMessage
    let routingKey: String
    let position: Int64
}
