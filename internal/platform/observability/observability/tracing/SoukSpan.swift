import Synchronization
package import Tracing

/// A span that is being recorded, or that only carries the trace on when the trace is not sampled.
///
/// Safe from any task. After ``end(at:)`` changes are passed over.
package final class SoukSpan: Tracing.Span {
    /// Attributes, events and links that are kept of each; more are dropped.
    package static let maxItems = 128

    private struct State {
        var operationName: String
        var attributes: SpanAttributes = [:]
        var events: [SpanEvent] = []
        var links: [SpanLink] = []
        var status: SpanStatus?
        var hasEnded = false
    }

    package let context: ServiceContext

    private let traceContext: TraceContext
    private let parentSpanID: SpanID?
    private let kind: SpanKind
    private let startNanoseconds: UInt64
    private let exporter: any SpanExporter
    private let state: Mutex<State>

    init(
        _ operationName: String, context: ServiceContext, traceContext: TraceContext, parentSpanID: SpanID?,
        kind: SpanKind, startNanoseconds: UInt64, exporter: any SpanExporter
    ) {
        var context = context
        context.traceContext = traceContext
        self.context = context
        self.traceContext = traceContext
        self.parentSpanID = parentSpanID
        self.kind = kind
        self.startNanoseconds = startNanoseconds
        self.exporter = exporter
        state = Mutex(State(operationName: operationName))
    }

    package var operationName: String {
        get { state.withLock { $0.operationName } }
        set { change { $0.operationName = newValue } }
    }

    package var attributes: SpanAttributes {
        get { state.withLock { $0.attributes } }
        set {
            guard newValue.count <= Self.maxItems else { return }
            change { $0.attributes = newValue }
        }
    }

    package var isRecording: Bool {
        traceContext.isSampled && state.withLock { !$0.hasEnded }
    }

    package func setStatus(_ status: SpanStatus) {
        change { $0.status = status }
    }

    package func addEvent(_ event: SpanEvent) {
        change { if $0.events.count < Self.maxItems { $0.events.append(event) } }
    }

    package func addLink(_ link: SpanLink) {
        change { if $0.links.count < Self.maxItems { $0.links.append(link) } }
    }

    /// Adds an event `exception` with type and text, as OpenTelemetry's semantic conventions name them.
    package func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        var attributes = attributes
        attributes["exception.type"] = String(reflecting: type(of: error))
        attributes["exception.message"] = String(describing: error)
        addEvent(SpanEvent(name: "exception", at: instant(), attributes: attributes))
    }

    package func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        let final: State? = state.withLock { state in
            guard !state.hasEnded else { return nil }
            state.hasEnded = true
            return state
        }
        guard let final, traceContext.isSampled else { return }
        exporter.export(
            FinishedSpan(
                operationName: final.operationName, context: traceContext, parentSpanID: parentSpanID,
                kind: kind,
                startNanoseconds: startNanoseconds, endNanoseconds: instant().nanosecondsSinceEpoch,
                attributes: final.attributes, events: final.events, links: final.links, status: final.status))
    }

    private func change(_ body: (inout State) -> Void) {
        guard traceContext.isSampled else { return }
        state.withLock { if !$0.hasEnded { body(&$0) } }
    }
}
