import Tracing
import SoukText

/// The W3C trace context between a `ServiceContext` and an event's `traceparent`.
struct TracePropagation: Sendable {
    private static let header = "traceparent"

    /// Nil for the process's own, which is asked anew each time because it may be set later than this.
    var instrument: (any Instrument)?

    private var propagator: any Instrument { instrument ?? InstrumentationSystem.instrument }

    /// The trace of the running task; nil when it has none or nothing traces.
    var traceparent: String? {
        guard let context = ServiceContext.current else { return nil }
        var carrier: [String: String] = [:]
        propagator.inject(context, into: &carrier, using: Dictionary.Injecting())
        return carrier[Self.header]
    }

    /// A context that continues the trace.
    func context(continuing traceparent: String?) -> ServiceContext {
        var context = ServiceContext.topLevel
        guard let traceparent else { return context }
        propagator.extract([Self.header: traceparent], into: &context, using: Dictionary.Extracting())
        return context
    }
}

extension [String: String] {
    fileprivate struct Injecting: Injector {
        func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) {
            carrier[key.lowercasedASCII()] = value
        }
    }

    fileprivate struct Extracting: Extractor {
        func extract(key: String, from carrier: [String: String]) -> String? {
            carrier[key.lowercasedASCII()]
        }
    }
}
