import NIOCore

/// The connections of one event loop to one address: those without a request wait here for the next.
///
/// `@unchecked Sendable`: used on its event loop only.
final class ConnectionPool: @unchecked Sendable {
    private let address: UpstreamAddress
    private unowned let state: EventLoopState
    private var idle: [UpstreamConnection] = []
    private var isClosed = false

    init(address: UpstreamAddress, state: EventLoopState) {
        self.address = address
        self.state = state
    }

    /// The connection that was used last, which is the likeliest to be still open.
    func takeIdle() -> UpstreamConnection? {
        while let connection = idle.popLast() {
            if connection.isUsable { return connection }
        }
        return nil
    }

    /// A new connection; fails with what kept it from coming about.
    func connect(timeout: TimeAmount) -> EventLoopFuture<UpstreamConnection> {
        let state = state
        let address = address
        return state.dialer.dial(address.socket, on: state.loop, timeout: timeout) { channel in
            channel.eventLoop.makeCompletedFuture {
                let connection = UpstreamConnection(
                    channel: channel, address: address, pool: self, state: state)
                try channel.pipeline.syncOperations.addHandler(connection)
            }
        }.flatMapThrowing { channel in
            try channel.pipeline.syncOperations.handler(type: UpstreamConnection.self)
        }
    }

    /// A connection whose exchange is over.
    func give(_ connection: UpstreamConnection, keep: Int) {
        guard !isClosed, !state.isDraining, idle.count < keep else { return connection.close() }
        connection.idleSince = state.now
        idle.append(connection)
    }

    func forget(_ connection: UpstreamConnection) {
        if let index = idle.lastIndex(where: { $0 === connection }) { idle.remove(at: index) }
    }

    func close() {
        isClosed = true
        let all = idle
        idle = []
        for connection in all { connection.close() }
    }

    /// Closes what has waited too long: better here than by the service in the moment of the next request.
    func lookAtTime(_ now: NIODeadline) {
        guard let first = idle.first, first.idleSince + first.idleTimeout < now else { return }
        let old = idle.prefix { $0.idleSince + $0.idleTimeout < now }
        idle.removeFirst(old.count)
        for connection in old { connection.close() }
    }
}
