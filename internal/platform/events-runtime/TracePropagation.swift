import Tracing

/// The W3C trace context between a `ServiceContext` and an event's `traceparent`.
enum TraceContext {
    private static let header = "traceparent"

    /// The trace of the running task; nil when it has none or nothing traces.
    static var current: String? {
        guard let context = ServiceContext.current else { return nil }
        var carrier: [String: String] = [:]
        InstrumentationSystem.instrument.inject(context, into: &carrier, using: Dictionary.Injecting())
        return carrier[header]
    }

    /// A context that continues the trace.
    static func context(continuing traceparent: String?) -> ServiceContext {
        var context = ServiceContext.topLevel
        guard let traceparent else { return context }
        InstrumentationSystem.instrument.extract(
            [header: traceparent], into: &context, using: Dictionary.Extracting())
        return context
    }
}

extension [String: String] {
    fileprivate struct Injecting: Injector {
        func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) {
            carrier[key.lowercased()] = value
        }
    }

    fileprivate struct Extracting: Extractor {
        func extract(key: String, from carrier: [String: String]) -> String? { carrier[key.lowercased()] }
    }
}
