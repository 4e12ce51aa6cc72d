package import Tracing

/// Carries W3C Trace Context (https://www.w3.org/TR/trace-context/) through the process and across its
/// borders, and hands finished spans to a `SpanExporter`.
///
/// A trace that comes with a request goes on as the caller decided; a new one is sampled with `sampleRatio`.
package struct SoukTracer: Tracer {
    private static let traceparentKey = "traceparent"
    private static let tracestateKey = "tracestate"

    private let exporter: any SpanExporter
    private let sampleThreshold: UInt64

    /// A tracer; `sampleRatio` is cut to 0...1.
    package init(exporter: any SpanExporter, sampleRatio: Double = 1) {
        self.exporter = exporter
        let ratio = min(max(sampleRatio.isNaN ? 0 : sampleRatio, 0), 1)
        sampleThreshold = ratio == 1 ? .max : UInt64(ratio * 0x1p63) << 1
    }

    package func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> SoukSpan {
        let context = context()
        let parent = context.traceContext
        var random = SystemRandomNumberGenerator()
        let traceID = parent?.traceID ?? .random(using: &random)
        let traceContext = TraceContext(
            traceID: traceID, spanID: .random(using: &random),
            isSampled: parent?.isSampled ?? isSampled(traceID), traceState: parent?.traceState)
        return SoukSpan(
            operationName, context: context, traceContext: traceContext, parentSpanID: parent?.spanID,
            kind: kind,
            startNanoseconds: instant().nanosecondsSinceEpoch, exporter: exporter)
    }

    /// Sets the trace context from `traceparent` and `tracestate`. A malformed `traceparent` counts as none;
    /// a malformed `tracestate` is dropped alone.
    package func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        guard let text = extractor.extract(key: Self.traceparentKey, from: carrier),
            let parent = Traceparent(text)
        else { return }
        context.traceContext = TraceContext(
            traceID: parent.traceID, spanID: parent.spanID, isSampled: parent.isSampled,
            traceState: extractor.extract(key: Self.tracestateKey, from: carrier).flatMap(
                TraceState.validated))
    }

    /// Writes `traceparent`, and `tracestate` if there is one; nothing outside of any trace.
    package func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let trace = context.traceContext else { return }
        injector.inject(trace.traceparent.formatted, forKey: Self.traceparentKey, into: &carrier)
        if let traceState = trace.traceState {
            injector.inject(traceState, forKey: Self.tracestateKey, into: &carrier)
        }
    }

    /// Does nothing: exporters flush when the service that runs them shuts down.
    package func forceFlush() {}

    private func isSampled(_ traceID: TraceID) -> Bool {
        sampleThreshold == .max || traceID.randomBits < sampleThreshold
    }
}
