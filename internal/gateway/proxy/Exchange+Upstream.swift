import CoreMetrics
import NIOCore
import SoukHTTPWire

/// The way to a service and back.
extension Exchange {
    /// Asks the breaker first.
    func connect() {
        switch route.admits(at: state.now) {
        case .admitted: connect(reuses: true)
        // A connection that has waited may be closed by now, which says nothing of the service.
        case .probe: connect(reuses: false)
        case .refused: refuse(.upstreamUnavailable)
        }
    }

    /// Finds a connection, sends the request on it, and lets the body follow.
    ///
    /// - Parameter reuses: whether one that has waited will do.
    private func connect(reuses: Bool) {
        guard let upstream = route.upstream else { return }
        let now = state.now
        stage = .connecting
        attempts += 1
        route.noteRequest(isRetry: attempts > 1, at: now)
        guard let address = upstream.choose(at: now, except: tried) else { return fail(.noAddress) }
        let pool = state.pool(of: address)
        if reuses, let connection = pool.takeIdle() { return send(on: connection) }
        pool.connect(timeout: route.connectTimeout).whenComplete { result in
            switch result {
            case .success(let connection):
                guard self.stage == .connecting else { return connection.close() }
                guard connection.isUsable else {
                    self.tried.append(address)
                    return self.fail(.notConnected("\(address): closed at once"))
                }
                self.send(on: connection)
            case .failure(let error):
                address.refusedConnection(at: self.state.now)
                self.tried.append(address)
                guard self.stage == .connecting else { return }
                self.fail(.notConnected("\(address): \(error)"))
            }
        }
    }

    private func send(on connection: UpstreamConnection) {
        guard client != nil, let target = route.upstream else { return }
        upstream = connection
        lastAddress = connection.address
        stage = .waiting
        sentAt = state.now
        stageEnds = head.framing == .none ? sentAt + route.firstByteTimeout : .distantFuture
        connection.begin(self, upstream: target.policy)
        connection.send(ForwardedRequest.head(self, allocator: state.allocator))
        // A connection that breaks in a write has been replaced, or the request is over.
        guard upstream === connection else { return }
        if head.framing == .none { connection.requestIsComplete() } else { forwardBody() }
        upstream?.flush()
    }

    /// All of the request is on its way.
    func requestIsSent() {
        if stage == .waiting { stageEnds = state.now + route.firstByteTimeout }
    }

    func upstreamIsWritable() {
        client?.resumeBody()
        upstream?.flush()
    }

    /// 102, 103: passed on. 100: the gateway says that itself.
    func interim(_ head: ResponseHead) {
        guard head.status != 100, let client, self.head.minorVersion == 1 else { return }
        client.send(AnswerHead(head: head, framing: .none))
        client.flush()
    }

    /// 101: bytes pass both ways from now on (RFC 9110, section 7.8).
    func upstreamSwitches(_ head: ResponseHead) {
        guard isUpgrading, let client, let connection = upstream else {
            return fail(.badAnswer("101 that nobody asked for"))
        }
        status = 101
        stage = .tunnel
        stageEnds = .distantFuture
        var answer = AnswerHead(head: head, framing: .none)
        answer.added.writeStaticString("Connection: Upgrade\r\nUpgrade: websocket\r\n")
        client.send(answer)
        client.becomeTunnel(to: connection)
        client.flush()
    }

    /// The upstream's answer has come: what it says of the upstream's health.
    func judge(_ head: ResponseHead) {
        guard let upstream = route.upstream else { return }
        upstream.metrics.answers.increment()
        upstream.metrics.durations.recordNanoseconds((state.now - sentAt).nanoseconds)
        // 503 with Retry-After is a service that knows what it says.
        let isFailure =
            head.status == 502 || head.status == 504 || (head.status == 503 && head.first(.retryAfter) == nil)
        isFailure ? route.noteFailure(at: state.now) : route.noteSuccess(at: state.now)
    }

    func upstreamFailed(_ failure: UpstreamFailure) {
        let wasReused = upstream?.hasServed ?? false
        switch stage {
        case .waiting: break
        case .answering, .tunnel:
            route.upstream?.metrics.failures.increment()
            return breakOff()
        case .admission, .reading, .queued, .connecting, .over: return
        }
        if let address = upstream?.address { tried.append(address) }
        upstream = nil
        // A connection that had waited may be closed by the service just when it is used again: nothing is wrong then.
        if wasReused, failure.isClosing, isRepeatable {
            tried = []
            attempts -= 1
            return connect(reuses: false)
        }
        fail(failure, isStale: wasReused && failure.isClosing)
    }

    /// Tries again where that is safe and there is budget for it; otherwise the client is notified.
    ///
    /// - Parameter isStale: whether a connection that had waited was closed, which says nothing of the service's health.
    func fail(_ failure: UpstreamFailure, isStale: Bool = false) {
        guard let upstream = route.upstream else { return }
        let connection = self.upstream
        self.upstream = nil
        connection?.abandon()
        if !isStale { route.noteFailure(at: state.now) }
        if case .timedOut = failure {
            upstream.metrics.timeouts.increment()
        } else {
            upstream.metrics.failures.increment()
        }
        if mayRepeat(after: failure, upstream) {
            upstream.metrics.retries.increment()
            return connect()
        }
        state.gateway.log(failure, upstream: upstream.name, exchange: self)
        switch failure {
        case .badAnswer: refuse(.upstreamMakesNoSense)
        case .timedOut: refuse(.upstreamTimedOut)
        case .noAddress, .notConnected, .closed, .broken: refuse(.upstreamUnavailable)
        }
    }

    private func mayRepeat(after failure: UpstreamFailure, _ upstream: Upstream) -> Bool {
        switch failure {
        case .notConnected:
            // Nothing was sent: any request may try the other addresses.
            return tried.count < upstream.addresses.count && attempts <= 8
        case .closed, .broken:
            return attempts <= route.policy.retries.attempts && isRepeatable && route.mayRetry(at: state.now)
        case .noAddress, .badAnswer, .timedOut: return false
        }
    }

    /// Idempotent, and without a body that is gone.
    private var isRepeatable: Bool { head.method.isIdempotent && head.framing == .none }

    // MARK: - Time

    func lookAtTime(_ now: NIODeadline) {
        if now > stageEnds {
            switch stage {
            case .queued: return refuse(.overloaded)
            case .waiting: return timeOut("no response")
            case .admission, .reading, .connecting, .answering, .tunnel, .over: break
            }
        }
        if let total = route.totalTimeout, now > began + total {
            switch stage {
            case .waiting, .connecting: return timeOut("\(route.policy.pattern)")
            case .answering: return breakOff()
            case .reading: return refuse(.bodyTooSlow)
            case .admission: return refuse(.upstreamTimedOut)
            case .queued, .tunnel, .over: break
            }
        }
        checkBodyRate(now)
    }

    /// A service or one of this process's own routes took too long.
    private func timeOut(_ what: String) {
        route.upstream == nil ? refuse(.upstreamTimedOut) : fail(.timedOut(what))
    }
}
