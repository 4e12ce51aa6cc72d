package import Tracing
import SoukText

/// Where in which trace a task is.
package struct TraceContext: Sendable, Hashable {
    /// Names the whole trace.
    package let traceID: TraceID
    /// Names the current span: ours, or the caller's when it came with a request and no span was started yet.
    package let spanID: SpanID
    /// Whether spans of this trace are recorded.
    package let isSampled: Bool
    /// What other vendors along the way keep in `tracestate`, passed on untouched; `nil` when there is none.
    package let traceState: String?

    /// A position in a trace.
    package init(traceID: TraceID, spanID: SpanID, isSampled: Bool, traceState: String? = nil) {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
        self.traceState = traceState
    }

    /// The position as the `traceparent` header carries it.
    package var traceparent: Traceparent {
        Traceparent(traceID: traceID, spanID: spanID, isSampled: isSampled)
    }
}

extension ServiceContext {
    private enum TraceContextKey: ServiceContextKey {
        typealias Value = TraceContext
        static var nameOverride: String? { "souk-trace-context" }
    }

    /// The position in the trace; `nil` outside of any.
    package var traceContext: TraceContext? {
        get { self[TraceContextKey.self] }
        set { self[TraceContextKey.self] = newValue }
    }

    /// The trace's name, 32 hexadecimal digits; `nil` outside of any.
    package var traceID: String? { traceContext?.traceID.description }

    /// The span's name, 16 hexadecimal digits; `nil` outside of any trace.
    package var spanID: String? { traceContext?.spanID.description }

    /// The `traceparent` to send or store along, as events do; `nil` outside of any trace.
    package var traceparent: String? { traceContext?.traceparent.formatted }

    /// This context as a continuation of the trace that `traceparent` names; unchanged when that is `nil` or
    /// malformed.
    package func continuing(traceparent: String?) -> ServiceContext {
        guard let parent = traceparent.flatMap(Traceparent.init) else { return self }
        var context = self
        context.traceContext = TraceContext(
            traceID: parent.traceID, spanID: parent.spanID, isSampled: parent.isSampled)
        return context
    }
}

/// The `tracestate` header of W3C Trace Context, section 3.3.
enum TraceState {
    /// The value to pass on; `nil` when it is empty, malformed or larger than what must be passed on (section
    /// 3.3.1.5).
    static func validated(_ text: String) -> String? {
        guard text.utf8.count <= 512, text.utf8.allSatisfy({ (0x20...0x7e).contains($0) || $0 == 0x09 })
        else {
            return nil
        }
        let members = text.split(byte: ",").map { $0.trimmingBlanks() }.filter { !$0.isEmpty }
        guard !members.isEmpty, members.count <= 32 else { return nil }
        for member in members {
            guard let (key, value) = member.split(atFirst: "="), isKey(key), !value.isEmpty else {
                return nil
            }
        }
        return members.joined(separator: ",")
    }

    private static func isKey(_ key: Substring) -> Bool {
        guard (1...256).contains(key.utf8.count) else { return false }
        return key.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "_"),
                UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "/"), UInt8(ascii: "@"):
                true
            default: false
            }
        }
    }
}
