import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import SoukHTTP
import SoukHTTPWire

/// A request to this process's own routes. They run as a task; what comes and goes passes between it and the event loop.
final class LocalCall: @unchecked Sendable {
    // @unchecked: everything mutable is used on the exchange's event loop only.
    private typealias Producer = NIOThrowingAsyncSequenceProducer<
        ByteBuffer, any Error, NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark,
        LocalCall.Demand
    >

    private let exchange: Exchange
    private var body: Producer.Source?
    private(set) var isBodyHeld = false
    private var task: Task<Void, Never>?
    private var waiter: CheckedContinuation<Void, any Error>?
    private var isCancelled = false

    init(_ exchange: Exchange) {
        self.exchange = exchange
    }

    /// Hands the request to the routes.
    func begin(_ responder: any HTTPResponder<SoukRequestContext>, peerAddress: String, logger: Logger) {
        let context = SoukRequestContext(logger: logger, peerAddress: peerAddress)
        let request = Request(head: exchange.localHead(), body: requestBody())
        let isHead = exchange.head.method == .head
        // Unstructured: it belongs to the exchange, which cancels it when the client goes.
        task = Task {
            do {
                let response = try await responder.respond(to: request, context: context)
                try await self.send(response, isHead: isHead)
            } catch {
                self.exchange.state.loop.execute { self.fails(error) }
            }
        }
    }

    func cancel() {
        isCancelled = true
        task?.cancel()
        body?.finish(CancellationError())
        waiter?.resume(throwing: CancellationError())
        waiter = nil
    }

    // MARK: - The request's body

    private func requestBody() -> RequestBody {
        guard exchange.head.framing != .none else { return RequestBody(buffer: ByteBuffer()) }
        if exchange.bodyHasEnded { return RequestBody(buffer: exchange.takeReadAhead()) }
        let producer = Producer.makeSequence(
            elementType: ByteBuffer.self, failureType: (any Error).self,
            backPressureStrategy: .init(lowWatermark: 2, highWatermark: 8), finishOnDeinit: true,
            delegate: Demand(call: self))
        body = producer.source
        return RequestBody(asyncSequence: producer.sequence)
    }

    func receive(_ bytes: ByteBuffer) {
        guard let body else { return }
        switch body.yield(bytes) {
        case .stopProducing: isBodyHeld = true
        case .produceMore, .dropped: break
        }
    }

    func receiveEnd() { body?.finish() }

    /// Tells the loop when the routes want more of the body, or no more of it.
    struct Demand: NIOAsyncSequenceProducerDelegate {
        let call: LocalCall

        func produceMore() {
            call.exchange.state.loop.execute {
                call.isBodyHeld = false
                call.exchange.client?.resumeBody()
            }
        }

        func didTerminate() { produceMore() }
    }

    // MARK: - The answer

    private func send(_ response: Response, isHead: Bool) async throws {
        let length = response.body.contentLength
        let hasBody = !isHead && response.status != .noContent && response.status != .notModified
        let declared = isHead ? response.headers[.contentLength].flatMap(Int.init) ?? length : length
        guard
            let head = OwnAnswer.head(
                status: response.status.code, fields: response.headers, length: declared,
                date: HTTPDate.now(),
                isHead: isHead)
        else { throw LocalAnswerError() }
        guard hasBody, length != 0 else {
            return exchange.state.loop.execute { self.answer(head, [], isLast: true) }
        }
        let writer = Writer(call: self, head: head)
        try await response.body.write(writer)
    }

    private func answer(_ head: ResponseHead?, _ parts: [ByteBuffer], isLast: Bool) {
        guard !isCancelled else { return }
        if let head { exchange.answer(head) }
        for part in parts where part.readableBytes > 0 { exchange.answer(part) }
        let client = exchange.client
        if isLast { exchange.answerEnds(nil) }
        client?.flush()
    }

    private func fails(_ error: any Error) {
        guard !isCancelled else { return }
        exchange.refuse(.internalError)
    }

    func clientIsWritable() {
        waiter?.resume()
        waiter = nil
    }

    /// Collects what is small, so that most answers cross to the loop once.
    private struct Writer: ResponseBodyWriter {
        private static let together = 64 << 10

        let call: LocalCall
        var head: ResponseHead?
        var parts: [ByteBuffer] = []
        var bytes = 0

        init(call: LocalCall, head: ResponseHead) {
            self.call = call
            self.head = head
        }

        mutating func write(_ buffer: ByteBuffer) async throws {
            parts.append(buffer)
            bytes += buffer.readableBytes
            guard bytes >= Self.together || head == nil else { return }
            let (head, parts) = (head, parts)
            self.head = nil
            self.parts = []
            bytes = 0
            try await call.pass(head, parts)
        }

        consuming func finish(_ trailingHeaders: HTTPFields?) async throws {
            let (call, head, parts) = (call, head, parts)
            call.exchange.state.loop.execute { call.answer(head, parts, isLast: true) }
        }
    }

    /// Sends parts and waits until the client has room for more.
    private func pass(_ head: ResponseHead?, _ parts: [ByteBuffer]) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            exchange.state.loop.execute {
                guard !self.isCancelled else { return continuation.resume(throwing: CancellationError()) }
                self.answer(head, parts, isLast: false)
                guard self.exchange.clientIsSlow else { return continuation.resume() }
                self.waiter = continuation
            }
        }
    }
}

private struct LocalAnswerError: Error {}

extension Exchange {
    /// Hands the request to this process's own routes.
    func callLocal() {
        guard let responder = state.gateway.responder else { return refuse(.notFound) }
        stage = .waiting
        stageEnds = head.framing == .none ? state.now + route.firstByteTimeout : .distantFuture
        isLocal = true
        let call = LocalCall(self)
        local = call
        call.begin(responder, peerAddress: clientAddress, logger: state.gateway.localLogger)
        if head.framing != .none { forwardBody() }
    }

    /// The head in the routes' own form.
    func localHead() -> HTTPRequest {
        var fields = HTTPFields()
        fields.reserveCapacity(head.fields.count + 2)
        for field in head.fields where ForwardedRequest.passes(field, head) && field.name != .host {
            guard let name = HTTPField.Name(head.nameText(field)) else { continue }
            fields.append(HTTPField(name: name, value: head.text(field)))
        }
        fields[.requestID] = identity.text
        if case .length(let length) = head.framing { fields[.contentLength] = String(length) }
        if let name = HTTPField.Name("traceparent") { fields[name] = identity.traceparent }
        return HTTPRequest(
            method: HTTPRequest.Method(rawValue: head.methodText) ?? .get, scheme: "http",
            authority: head.authority,
            path: head.origin, headerFields: fields)
    }
}
