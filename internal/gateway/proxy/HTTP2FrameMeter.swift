import CoreMetrics
import NIOCore

/// Counts the frames of an HTTP/2 connection that carry neither a request nor a part of its body, before they cost more than being
/// counted. A client pays for them from one budget, however many connections it opens; where that is used up the connection ends.
///
/// It reads frame headers only (RFC 9113, section 4.1); what is malformed is for the handler behind it to refuse.
final class HTTP2FrameMeter: ChannelInboundHandler, @unchecked Sendable {
    // @unchecked: used on its event loop only, as the channel's handler.
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let state: EventLoopState
    private let peer: ClientPeer
    private let budget: ClientBudget
    private var frames = HTTP2FrameCosts()
    private var isOver = false

    init(state: EventLoopState, peer: ClientPeer, budget: ClientBudget) {
        self.state = state
        self.peer = peer
        self.budget = budget
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        let cost = unwrapInboundIn(data).withUnsafeReadableBytes { frames.add($0) }
        let rate = state.policy.policy.budgets.frameRate
        guard !peer.isOverdrawn, cost == 0 || budget.spend(frames: cost, rate: rate, at: .now()) else {
            return end(context)
        }
        context.fireChannelRead(data)
    }

    /// GOAWAY with ENHANCE_YOUR_CALM (RFC 9113, section 7), and the end.
    private func end(_ context: ChannelHandlerContext) {
        isOver = true
        state.gateway.refusals.frames.increment()
        let goAway: [UInt8] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0xB]
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: goAway)), promise: nil)
        context.close(promise: nil)
    }
}

/// Finds frames in a stream of bytes and says what they cost.
struct HTTP2FrameCosts {
    private static let headerBytes = 9
    /// What a client gains by smaller parts of a body than this is our work.
    private static let smallData = 64
    /// A request that is taken back has cost more than a frame.
    private static let resetCost = 20
    /// A request that is refused costs a response.
    static let refusal = 20

    /// Of the preface, or of a frame's payload.
    private var skip = 24
    /// The beginning of a header whose rest comes with the next bytes.
    private var partial: [UInt8] = []

    /// The cost of all frames whose header ends in these bytes.
    mutating func add(_ bytes: UnsafeRawBufferPointer) -> Int {
        var cost = 0
        var index = 0
        while index < bytes.count {
            if skip > 0 {
                let skipped = min(skip, bytes.count - index)
                skip -= skipped
                index += skipped
            } else if partial.isEmpty, bytes.count - index >= Self.headerBytes {
                cost += take(UnsafeRawBufferPointer(rebasing: bytes[index..<index + Self.headerBytes]))
                index += Self.headerBytes
            } else {
                partial.append(bytes[index])
                index += 1
                guard partial.count == Self.headerBytes else { continue }
                let header = partial
                partial = []
                cost += header.withUnsafeBytes { take($0) }
            }
        }
        return cost
    }

    private mutating func take(_ header: UnsafeRawBufferPointer) -> Int {
        let length = Int(header[0]) << 16 | Int(header[1]) << 8 | Int(header[2])
        skip = length
        return Self.cost(type: header[3], flags: header[4], length: length)
    }

    private static func cost(type: UInt8, flags: UInt8, length: Int) -> Int {
        let (endsStream, isPadded) = (flags & 1 == 1, flags & 8 == 8)
        return switch type {
        // DATA. What is padded may be padding and nothing else.
        case 0: (length < smallData || isPadded) && !endsStream ? 1 : 0
        // HEADERS: a request, which limits count and which pays if it is refused, or trailers.
        case 1: 0
        // RST_STREAM
        case 3: resetCost
        // Everything else, and types that don't exist.
        default: 1 + length / 1_024
        }
    }
}
