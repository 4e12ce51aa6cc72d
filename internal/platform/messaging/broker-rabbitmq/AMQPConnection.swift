import CRabbitMQ
import Glibc
import SoukBroker

/// Owns a connection of rabbitmq-c. The library is not thread-safe: everything here is for one thread, which may
/// block, each call for the connection's time-outs at most, but for writing to a server that does not read.
final class AMQPConnection {
    private let state: amqp_connection_state_t
    let arena = AMQPArena()
    private let frameLimit: Int32 = 131_072
    /// The socket, for `poll`.
    var descriptor: Int32 { amqp_get_sockfd(state) }

    /// Connects, verifies the server where TLS is used, and logs in.
    ///
    /// - Parameter connected: Given the socket as soon as there is one, and -1 before it is closed again.
    init(
        _ options: RabbitMQOptions, host: RabbitMQOptions.Host, name: String, connected: (Int32) -> Void
    ) throws(AMQPFailure) {
        guard let state = amqp_new_connection() else { throw AMQPFailure(.connection, "no memory") }
        self.state = state
        do throws(AMQPFailure) {
            var timeout = options.connectTimeout.timeval
            let socket =
                options.usesTLS ? try Self.tlsSocket(state, options) : amqp_tcp_socket_new(state)
            guard let socket else { throw AMQPFailure(.connection, "no memory for a socket") }
            let status = amqp_socket_open_noblock(socket, host.name, Int32(host.port), &timeout)
            guard status == AMQP_STATUS_OK.rawValue else {
                throw AMQPFailure(status: status, "connecting to \(host.name):\(host.port)")
            }
            connected(amqp_get_sockfd(state))
            _ = amqp_set_handshake_timeout(state, &timeout)
            var request = options.requestTimeout.timeval
            _ = amqp_set_rpc_timeout(state, &request)
            try logIn(options, name: name)
        } catch {
            // `deinit` follows, after which its descriptor may be another's.
            connected(-1)
            throw error
        }
    }

    deinit {
        amqp_destroy_connection(state)
    }

    private static func tlsSocket(
        _ state: amqp_connection_state_t, _ options: RabbitMQOptions
    ) throws(AMQPFailure) -> OpaquePointer? {
        guard let socket = amqp_ssl_socket_new(state) else { return nil }
        amqp_ssl_socket_set_verify_peer(socket, 1)
        amqp_ssl_socket_set_verify_hostname(socket, 1)
        _ = amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST)
        // Where Debian keeps the authorities that the system trusts.
        let authorities = options.authorityFile ?? "/etc/ssl/certs/ca-certificates.crt"
        guard amqp_ssl_socket_set_cacert(socket, authorities) == AMQP_STATUS_OK.rawValue else {
            throw AMQPFailure(.connection, "the authorities in \(authorities) cannot be read")
        }
        if let certificate = options.certificateFile, let key = options.keyFile {
            guard amqp_ssl_socket_set_key(socket, certificate, key) == AMQP_STATUS_OK.rawValue else {
                throw AMQPFailure(.connection, "the certificate \(certificate) with its key cannot be read")
            }
        }
        return socket
    }

    private func logIn(_ options: RabbitMQOptions, name: String) throws(AMQPFailure) {
        defer { arena.recycle() }
        // Ask to be told of memory and disk alarms, and of consumers that the server ends.
        var properties = try arena.table([
            (
                "capabilities",
                .table([
                    ("connection.blocked", .bool(true)), ("consumer_cancel_notify", .bool(true)),
                    ("publisher_confirms", .bool(true)), ("basic.nack", .bool(true)),
                    ("authentication_failure_close", .bool(true)),
                ])
            ),
            ("connection_name", .text(name)),
        ])
        let heartbeat = Int32(max(1, options.heartbeat.components.seconds))
        let reply = souk_amqp_login_plain(
            state, options.virtualHost, 0, frameLimit, heartbeat, &properties, options.user,
            options.password ?? (options.user == "guest" ? "guest" : ""))
        try check(reply, "logging in as \(options.user)", channel: 0)
    }

    /// Says goodbye; the handle goes with the object.
    func close() {
        _ = amqp_connection_close(state, AMQP_REPLY_SUCCESS)
    }

    // MARK: - Requests

    func openChannel(_ channel: UInt16) throws(AMQPFailure) {
        amqp_channel_open(state, channel)
        try checkReply("opening a channel", channel)
    }

    /// Closes it; what its readers hold goes back to the queues.
    func closeChannel(_ channel: UInt16) throws(AMQPFailure) {
        try check(
            amqp_channel_close(state, channel, AMQP_REPLY_SUCCESS), "closing a channel", channel: channel)
    }

    func declareExchange(_ name: String, channel: UInt16) throws(AMQPFailure) {
        defer { arena.recycle() }
        amqp_exchange_declare(
            state, channel, try arena.bytes(name), try arena.bytes("topic"), 0, 1, 0, 0,
            try arena.table([]))
        try checkReply("declaring exchange \(name)", channel)
    }

    func declareQueue(
        _ name: String, arguments: [(String, AMQPValue)], channel: UInt16
    ) throws(AMQPFailure) {
        defer { arena.recycle() }
        amqp_queue_declare(
            state, channel, try arena.bytes(name), 0, 1, 0, 0, try arena.table(arguments))
        try checkReply("declaring queue \(name)", channel)
    }

    func bindQueue(
        _ name: String, exchange: String, routingKey: String, channel: UInt16
    ) throws(AMQPFailure) {
        defer { arena.recycle() }
        amqp_queue_bind(
            state, channel, try arena.bytes(name), try arena.bytes(exchange), try arena.bytes(routingKey),
            try arena.table([]))
        try checkReply("binding queue \(name)", channel)
    }

    /// How many messages of the queue no reader holds.
    func readyMessages(in queue: String, channel: UInt16) throws(AMQPFailure) -> Int {
        defer { arena.recycle() }
        let answer = amqp_queue_declare(
            state, channel, try arena.bytes(queue), 1, 0, 0, 0, try arena.table([]))
        try checkReply("looking at queue \(queue)", channel)
        return Int(answer?.pointee.message_count ?? 0)
    }

    /// Limits what the channel's next reader holds. The answer comes after everything that the channel was given
    /// before.
    func limit(to prefetch: Int, channel: UInt16) throws(AMQPFailure) {
        amqp_basic_qos(state, channel, 0, UInt16(clamping: prefetch), 0)
        try checkReply("limiting what is held", channel)
    }

    func consume(_ queue: String, channel: UInt16) throws(AMQPFailure) {
        defer { arena.recycle() }
        amqp_basic_consume(
            state, channel, try arena.bytes(queue), amqp_bytes_t(len: 0, bytes: nil), 0, 0, 0,
            try arena.table([]))
        try checkReply("reading queue \(queue)", channel)
    }

    func selectConfirms(channel: UInt16) throws(AMQPFailure) {
        amqp_confirm_select(state, channel)
        try checkReply("asking for confirms", channel)
    }

    // MARK: - Sending without an answer

    func publish(
        _ message: BrokerMessageToSend, exchange: String, channel: UInt16
    ) throws(AMQPFailure) {
        defer { arena.recycle() }
        var properties = try MessageMapping.properties(
            of: message.message, position: message.position, in: arena)
        let exchange = try arena.bytes(exchange)
        let routingKey = try arena.bytes(message.routingKey)
        let status = message.message.payload.withUnsafeBytes { payload in
            amqp_basic_publish(
                state, channel, exchange, routingKey, 0, 0, &properties,
                amqp_bytes_t(
                    len: payload.count, bytes: UnsafeMutableRawPointer(mutating: payload.baseAddress)))
        }
        guard status == AMQP_STATUS_OK.rawValue else { throw AMQPFailure(status: status, "publishing") }
    }

    func acknowledge(_ frame: AckBatch.Frame, channel: UInt16) throws(AMQPFailure) {
        let status = amqp_basic_ack(state, channel, frame.tag, frame.multiple ? 1 : 0)
        guard status == AMQP_STATUS_OK.rawValue else { throw AMQPFailure(status: status, "acknowledging") }
    }

    // MARK: - Receiving

    /// What the server sent next, or nil when nothing is there; sends heartbeats that are due and notices missing
    /// ones.
    func receive() throws(AMQPFailure) -> AMQPEvent? {
        while true {
            var frame = amqp_frame_t()
            var now = timeval()
            let status = amqp_simple_wait_frame_noblock(state, &frame, &now)
            if status == AMQP_STATUS_TIMEOUT.rawValue { return nil }
            guard status == AMQP_STATUS_OK.rawValue else {
                throw AMQPFailure(status: status, "the connection")
            }
            defer { amqp_maybe_release_buffers_on_channel(state, frame.channel) }
            // Headers and bodies are read with their deliveries; others belong to channels that were closed.
            guard frame.frame_type == UInt8(AMQP_FRAME_METHOD) else { continue }
            if let event = try event(frame) { return event }
        }
    }

    private func event(_ frame: amqp_frame_t) throws(AMQPFailure) -> AMQPEvent? {
        let method = frame.payload.method
        func decoded<T>(_: T.Type) -> T { method.decoded.assumingMemoryBound(to: T.self).pointee }
        switch method.id {
        case AMQP_BASIC_DELIVER_METHOD:
            let tag = decoded(amqp_basic_deliver_t.self).delivery_tag
            return .delivered(channel: frame.channel, tag: tag, try readMessage(channel: frame.channel))
        case AMQP_BASIC_ACK_METHOD:
            let ack = decoded(amqp_basic_ack_t.self)
            return .confirmed(tag: ack.delivery_tag, multiple: ack.multiple != 0)
        case AMQP_BASIC_NACK_METHOD:
            let nack = decoded(amqp_basic_nack_t.self)
            return .refused(tag: nack.delivery_tag, multiple: nack.multiple != 0)
        case AMQP_BASIC_CANCEL_METHOD:
            return .readerEnded(channel: frame.channel)
        case AMQP_CONNECTION_BLOCKED_METHOD:
            return .blocked(String(decoded(amqp_connection_blocked_t.self).reason))
        case AMQP_CONNECTION_UNBLOCKED_METHOD:
            return .unblocked
        case AMQP_CHANNEL_CLOSE_METHOD:
            let close = decoded(amqp_channel_close_t.self)
            try acceptClose(channel: frame.channel)
            return .channelClosed(
                channel: frame.channel, reason: "\(close.reply_code) \(String(close.reply_text))")
        case AMQP_CONNECTION_CLOSE_METHOD:
            let close = decoded(amqp_connection_close_t.self)
            let detail = "the server ended it: \(close.reply_code) \(String(close.reply_text))"
            var ok = amqp_connection_close_ok_t()
            _ = amqp_send_method(state, 0, AMQP_CONNECTION_CLOSE_OK_METHOD, &ok)
            throw AMQPFailure(.connection, detail)
        default:
            return nil
        }
    }

    private func readMessage(channel: UInt16) throws(AMQPFailure) -> MessageMapping.Received {
        var message = amqp_message_t()
        try check(amqp_read_message(state, channel, &message, 0), "reading a message", channel: channel)
        defer { amqp_destroy_message(&message) }
        return MessageMapping.read(message.properties, body: message.body)
    }

    // MARK: - Answers

    private func checkReply(_ what: String, _ channel: UInt16) throws(AMQPFailure) {
        try check(amqp_get_rpc_reply(state), what, channel: channel)
    }

    private func check(_ reply: amqp_rpc_reply_t, _ what: String, channel: UInt16) throws(AMQPFailure) {
        switch reply.reply_type {
        case AMQP_RESPONSE_NORMAL:
            amqp_maybe_release_buffers_on_channel(state, channel)
        case AMQP_RESPONSE_SERVER_EXCEPTION where reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD:
            let close = reply.reply.decoded.assumingMemoryBound(to: amqp_channel_close_t.self).pointee
            let detail = "\(what): \(close.reply_code) \(String(close.reply_text))"
            try acceptClose(channel: channel)
            throw AMQPFailure(.channel(channel, code: close.reply_code), detail)
        case AMQP_RESPONSE_SERVER_EXCEPTION where reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD:
            let close = reply.reply.decoded.assumingMemoryBound(to: amqp_connection_close_t.self).pointee
            throw AMQPFailure(.connection, "\(what): \(close.reply_code) \(String(close.reply_text))")
        case AMQP_RESPONSE_LIBRARY_EXCEPTION:
            throw AMQPFailure(status: reply.library_error, what)
        default:
            throw AMQPFailure(.connection, "\(what): the server hung up")
        }
    }

    private func acceptClose(channel: UInt16) throws(AMQPFailure) {
        var ok = amqp_channel_close_ok_t()
        let status = amqp_send_method(state, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok)
        guard status == AMQP_STATUS_OK.rawValue else {
            throw AMQPFailure(status: status, "closing a channel")
        }
    }
}

extension Duration {
    fileprivate var timeval: Glibc.timeval {
        Glibc.timeval(
            tv_sec: Int(components.seconds), tv_usec: Int(components.attoseconds / 1_000_000_000_000))
    }
}
