import CoreMetrics
import NIOCore
import SoukCallContext
import SoukErrors
import SoukHTTPWire

/// One request and its answer. Everything happens on the event loop of the client's connection.
///
/// It passes the route's policies (`Exchange+Admission`), goes to a service (`Exchange+Upstream`) or to this process's own routes
/// (``LocalCall``), and ends exactly once: with an answer, or cut off.
///
/// `@unchecked Sendable`: used on its event loop only; tasks and futures carry it and come back there with it.
final class Exchange: @unchecked Sendable {
    enum Stage {
        /// Policies look at it; a token or a shared limit may have to be asked for.
        case admission
        /// The beginning of its body is read.
        case reading
        /// Waits for one of the route's slots.
        case queued
        case connecting
        /// Sent, or being sent.
        case waiting
        /// The answer's head has gone to the client.
        case answering
        case tunnel
        case over
    }

    let state: EventLoopState
    let head: RequestHead
    let route: CompiledRoute
    let identity: RequestIdentity
    let began: NIODeadline
    let peer: ClientPeer
    var client: (any Downstream)?
    var stage = Stage.admission
    /// Whom a verified token names.
    var principal: Principal?
    /// What limits said of it.
    var rateReport = RateReport()
    /// What the client's origin may read, as field lines.
    var corsFields = ByteBuffer()

    // To a service.
    var upstream: UpstreamConnection?
    var tried: [UpstreamAddress] = []
    var attempts = 0
    var sentAt: NIODeadline
    var isUpgrading = false
    /// The route's slots, while it has one or waits for one.
    var gate: SlotGate?
    /// While it waits.
    var ticket: SlotGate.Ticket?
    /// For the log: the instance that was asked last.
    var lastAddress: UpstreamAddress?
    // To this process.
    var local: LocalCall?
    /// Whether the process's own routes log and count it.
    var isLocal = false

    /// When the present stage must be over, and what is late then.
    var stageEnds = NIODeadline.distantFuture
    /// Whose budgets it counts against.
    var payers = Payers<ClientBudget>()
    var isCounted = false
    /// Bytes of the body that count against them, because they are in memory.
    var bodyInMemory = 0
    /// Bytes that count because they wait in the client's stream or connection.
    var bodyWaiting = 0
    /// What was read of the body before the request could go anywhere.
    var readAhead: ByteBuffer?
    /// Whether that is all of it, which these trailers follow.
    var bodyHasEnded = false
    var bodyTrailers: ByteBuffer?
    var hasSaidContinue = false
    /// How long the client could have been sending, when that was looked at last.
    var bodyTime = TimeAmount.zero
    var lookedAt: NIODeadline
    var bodyReceived = 0
    var bodySent = 0
    var status = 0
    var compressor: GzipStream?

    init(_ head: RequestHead, route: CompiledRoute, client: any Downstream) {
        self.head = head
        self.route = route
        self.client = client
        peer = client.peer
        let state = client.state
        self.state = state
        identity = RequestIdentity(head, &state.random)
        began = state.now
        sentAt = began
        lookedAt = began
        route.metrics.inFlight.increment()
    }

    // MARK: - The client's side

    func flushUpstream() { upstream?.flush() }

    func clientIsWritable() {
        upstream?.resumeReading()
        local?.clientIsWritable()
    }

    /// The client has gone, or can't be talked to any more.
    func clientIsGone() {
        guard stage != .over else { return }
        status = 499
        let upstream = upstream
        end()
        upstream?.abandon()
    }

    // MARK: - Answers

    /// The head of the final answer.
    func answer(_ head: ResponseHead) {
        guard let client, stage != .over else { return }
        status = head.status
        stage = .answering
        stageEnds = .distantFuture
        var answer = AnswerHead(head: head, framing: head.framing)
        compress(&answer)
        answer.added = addedFields(head)
        client.send(answer)
    }

    func answer(_ bytes: ByteBuffer) {
        guard let client, stage == .answering else { return }
        bodySent += bytes.readableBytes
        if let compressor {
            let packed = compressor.add(bytes)
            if packed.readableBytes > 0 { client.send(packed) }
        } else {
            client.send(bytes)
        }
    }

    func answerEnds(_ trailers: ByteBuffer?) {
        guard let client, stage == .answering else { return }
        if let compressor {
            let rest = compressor.finish()
            if rest.readableBytes > 0 { client.send(rest) }
        }
        end()
        client.finish(trailers: trailers)
    }

    func flushClient() { client?.flush() }

    var clientIsSlow: Bool { client.map { !$0.isWritable } ?? false }

    /// Cuts the answer off: it can't be finished.
    func breakOff() {
        guard let client else { return }
        let upstream = upstream
        end()
        upstream?.abandon()
        client.cut()
    }

    /// Over: what it held is given back, and it is counted. The client has to be told before or after.
    func end() {
        guard stage != .over else { return }
        stage = .over
        client = nil
        upstream = nil
        compressor = nil
        if let local {
            self.local = nil
            local.cancel()
        }
        releaseSlot()
        releaseBudget()
        record()
    }
}

extension Exchange {
    /// What the gateway says beside what the upstream says.
    private func addedFields(_ answer: ResponseHead) -> ByteBuffer {
        var fields = ByteBuffer()
        rateReport.write(into: &fields)
        if answer.first(.xRequestID) == nil {
            fields.writeStaticString("X-Request-Id: ")
            identity.write(to: &fields)
            fields.writeStaticString("\r\n")
        }
        if answer.first(.date) == nil {
            fields.writeStaticString("Date: ")
            fields.writeString(state.date())
            fields.writeStaticString("\r\n")
        }
        if corsFields.readableBytes > 0 { fields.writeImmutableBuffer(corsFields) }
        if compressor != nil {
            fields.writeStaticString("Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n")
        }
        return fields
    }

    private func compress(_ answer: inout AnswerHead) {
        guard let policy = route.policy.compression,
            GzipStream.suits(policy, request: head, answer: answer.head),
            let stream = GzipStream(level: policy.level)
        else { return }
        compressor = stream
        answer.isContentEncoded = true
        answer.framing = .untilClose
    }

    /// Field lines that tell the service who asks.
    func writeForwarded(to buffer: inout ByteBuffer) {
        if peer.isTrusted, clientAddress != peer.address || forwardedScheme != nil {
            let scheme = forwardedScheme ?? (peer.isTLS ? "https" : "http")
            var lines = ClientPeer.lines(for: clientAddress, scheme: scheme)
            buffer.writeBuffer(&lines)
        } else {
            buffer.writeImmutableBuffer(peer.forwarded)
        }
    }

    /// Who asks: the socket's other end, or whom trusted proxies name.
    var clientAddress: String {
        guard peer.isTrusted, head.first(.xForwardedFor) != nil else { return peer.address }
        // Several lines are one list (RFC 9110, section 5.3).
        let hops = head.fields.lazy.filter { $0.name == .xForwardedFor }.map(head.text).joined(separator: ",")
        return state.policy.client(of: hops, peer: peer.address)
    }

    /// `http` or `https`, as a trusted proxy says.
    private var forwardedScheme: String? {
        guard let field = head.first(.xForwardedProto) else { return nil }
        let text = head.text(field)
        return text == "https" || text == "http" ? text : nil
    }
}
