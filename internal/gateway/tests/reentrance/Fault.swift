import NIOCore
import NIOEmbedded

/// What goes wrong in one call that a handler makes.
enum Fault: CaseIterable, Sendable {
    /// The call fails; the connection stays.
    case fails
    /// As a socket whose peer has reset it: what was still received is delivered, then the error, then the connection is closed.
    case breaks
    /// More is received.
    case reads
    /// An error is reported.
    case errs
    /// The connection is closed.
    case closes
    /// The connection takes nothing for a moment.
    case fills
}

/// Counts the calls of a run and says which of them goes wrong.
final class FaultPlan {
    private let fault: Fault?
    private let at: Int
    private(set) var calls = 0

    /// - Parameter at: the call, from 1.
    init(_ fault: Fault?, at: Int) {
        self.fault = fault
        self.at = at
    }

    /// What happens in this call; nil: all is well.
    func next() -> Fault? {
        calls += 1
        return calls == at ? fault : nil
    }
}

struct InjectedError: Error {}

/// Stands between a channel and its other handlers, as a socket that fails and calls back would.
final class FaultHandler: ChannelDuplexHandler {
    typealias InboundIn = Any
    typealias OutboundIn = Any

    private let plan: FaultPlan
    private let received: () -> NIOAny
    private let observe: () -> Void

    /// - Parameters:
    ///   - received: what is still delivered when the plan asks for more.
    ///   - observe: called before each call is counted.
    init(_ plan: FaultPlan, observe: @escaping () -> Void = {}, received: @escaping () -> NIOAny) {
        self.plan = plan
        self.received = received
        self.observe = observe
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard passes(context, promise) else { return }
        context.write(data, promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        guard passes(context, nil) else { return }
        context.flush()
    }

    func read(context: ChannelHandlerContext) {
        guard passes(context, nil) else { return }
        context.read()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard passes(context, promise) else { return }
        // An embedded channel has no half to close.
        if case .output = mode { promise?.succeed() } else { context.close(mode: mode, promise: promise) }
    }

    /// Lets the fault happen; false where the call fails with it.
    private func passes(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) -> Bool {
        observe()
        switch plan.next() {
        case nil: return true
        case .fails: break
        case .breaks:
            deliver(context)
            context.fireErrorCaught(InjectedError())
            context.close(promise: nil)
        case .reads:
            deliver(context)
            return true
        case .errs:
            context.fireErrorCaught(InjectedError())
            return true
        case .closes: context.close(promise: nil)
        case .fills:
            guard let channel = context.channel as? EmbeddedChannel else { return true }
            channel.isWritable = false
            context.fireChannelWritabilityChanged()
            channel.isWritable = true
            context.fireChannelWritabilityChanged()
            return true
        }
        promise?.fail(InjectedError())
        return false
    }

    private func deliver(_ context: ChannelHandlerContext) {
        context.fireChannelRead(received())
        context.fireChannelReadComplete()
    }
}

extension EmbeddedChannel {
    /// Closes it. A socket that is closed keeps no write waiting; an embedded channel does until it is flushed, which no handler
    /// is left for.
    func end() {
        _ = try? finish(acceptAlreadyClosed: true)
        _channelCore.flush0()
    }
}
