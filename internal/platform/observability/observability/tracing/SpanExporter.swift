import Synchronization
package import Tracing

/// A span that has ended.
package struct FinishedSpan: Sendable {
    /// What was done, with few distinct values: `GET /api/v1/orders/{id}`.
    package let operationName: String
    /// The span's own position in the trace.
    package let context: TraceContext
    /// The span that it is part of; `nil` for the first of a trace.
    package let parentSpanID: SpanID?
    /// Whose side of a call it is.
    package let kind: SpanKind
    /// Nanoseconds since 1970.
    package let startNanoseconds: UInt64
    /// Nanoseconds since 1970.
    package let endNanoseconds: UInt64
    /// At most ``SoukSpan/maxItems``.
    package let attributes: SpanAttributes
    /// At most ``SoukSpan/maxItems``, errors included.
    package let events: [SpanEvent]
    /// At most ``SoukSpan/maxItems``.
    package let links: [SpanLink]
    /// `nil` when nobody set one.
    package let status: SpanStatus?
}

/// Takes the spans of a process as they end.
package protocol SpanExporter: Sendable {
    /// Takes over one span. Called on the task that ended it: must return at once, and must drop rather than
    /// wait.
    func export(_ span: FinishedSpan)
}

/// Lets spans go. Keeps the latest few to look at when asked to.
package final class DiscardingExporter: SpanExporter {
    private struct State {
        var recent: [FinishedSpan] = []
        var discarded = 0
    }

    private let capacity: Int
    private let state = Mutex(State())

    /// An exporter that remembers the last `capacity` spans, none unless told.
    package init(keeping capacity: Int = 0) {
        self.capacity = max(0, capacity)
    }

    package func export(_ span: FinishedSpan) {
        state.withLock { state in
            guard capacity > 0 else { return state.discarded += 1 }
            if state.recent.count == capacity {
                state.recent.removeFirst()
                state.discarded += 1
            }
            state.recent.append(span)
        }
    }

    /// The remembered spans, oldest first.
    package var recent: [FinishedSpan] { state.withLock { $0.recent } }

    /// How many spans are gone.
    package var discardedCount: Int { state.withLock { $0.discarded } }
}
