import CoreMetrics
import NIOCore
import SoukHTTPWire

/// The request's body on its way to a service or to this process's own routes.
extension Exchange {
    private static let lineEnd = ByteBuffer(staticString: "\r\n")

    /// Whether body parts can be taken.
    var takesBody: Bool {
        switch stage {
        case .reading: true
        case .waiting, .answering: upstream != nil || local != nil
        case .admission, .queued, .connecting, .tunnel, .over: false
        }
    }

    /// Whether the client should send no more for now.
    var isBodyHeld: Bool {
        if stage == .reading { return false }
        return upstream.map { !$0.isWritable } ?? local?.isBodyHeld ?? true
    }

    /// Reads the beginning of the body, so that a slot isn't taken for the time in which a body only arrives.
    func readBodyAhead() {
        guard head.framing != .none, route.readAhead > 0, let client else { return takeSlot() }
        stage = .reading
        sayContinue()
        client.resumeBody()
    }

    /// The client may send its body.
    func sayContinue() {
        guard head.expectsContinue, !hasSaidContinue else { return }
        hasSaidContinue = true
        client?.sendContinue()
    }

    /// A part of the request's body. False when there is too much of it, and the exchange has ended.
    func receive(_ bytes: ByteBuffer) -> Bool {
        bodyReceived += bytes.readableBytes
        guard bodyReceived <= route.policy.maxBodyBytes else {
            refuse(.bodyTooLarge(route.policy.maxBodyBytes))
            return false
        }
        guard stage == .reading else {
            guard upstream != nil || charge(bytes.readableBytes) else { return false }
            forward(bytes)
            return true
        }
        guard charge(bytes.readableBytes) else { return false }
        // A copy: a slice would keep all of the memory that it was received in.
        var ahead = takeReadAhead()
        ahead.writeImmutableBuffer(bytes)
        let isEnough = ahead.readableBytes >= route.readAhead
        readAhead = ahead
        if isEnough { takeSlot() }
        return stage != .over
    }

    func receiveEnd(trailers: ByteBuffer?) {
        bodyHasEnded = true
        bodyTrailers = trailers
        stage == .reading ? takeSlot() : forwardEnd()
    }

    /// What was read ahead, and the rest as it comes.
    func forwardBody() {
        sendReadAhead()
        if bodyHasEnded {
            forwardEnd()
            requestIsSent()
        } else {
            sayContinue()
            client?.resumeBody()
        }
    }

    /// What was read ahead, for whoever keeps it from now on.
    func takeReadAhead() -> ByteBuffer {
        defer { readAhead = nil }
        return readAhead ?? ByteBuffer()
    }

    private func sendReadAhead() {
        guard readAhead != nil else { return }
        forward(takeReadAhead())
        // From here on the connection's own bounds hold. The process's own routes may keep it until they respond.
        if upstream != nil { uncharge() }
    }

    private func forward(_ bytes: ByteBuffer) {
        guard let upstream else { return local?.receive(bytes) ?? () }
        guard case .chunked = head.framing else { return upstream.send(bytes) }
        var chunk = state.allocator.buffer(capacity: 20)
        chunk.writeChunkHeader(bytes.readableBytes)
        upstream.send(chunk)
        upstream.send(bytes)
        upstream.send(Self.lineEnd)
    }

    private func forwardEnd() {
        guard let upstream else { return local?.receiveEnd() ?? () }
        if case .chunked = head.framing {
            var end = state.allocator.buffer(capacity: 16)
            end.writeStaticString("0\r\n")
            if let bodyTrailers { ForwardedRequest.write(trailers: bodyTrailers, to: &end) }
            end.writeStaticString("\r\n")
            upstream.send(end)
        }
        upstream.requestIsComplete()
        sentAt = state.now
    }

    /// Refuses a body that arrives too slowly. The time in which the client was kept from sending doesn't count.
    func checkBodyRate(_ now: NIODeadline) {
        defer { lookedAt = now }
        guard let rate = route.policy.bodyRate, head.framing != .none, !bodyHasEnded, takesBody, !isBodyHeld
        else {
            return
        }
        bodyTime = bodyTime + (now - lookedAt)
        let counted = bodyTime - route.bodyGrace
        guard counted > .zero,
            bodyReceived < Int(counted.nanoseconds / 1_000_000) * rate.minimum / 1_000
        else { return }
        state.gateway.refusals.bodyRate.increment()
        refuse(.bodyTooSlow)
    }
}
