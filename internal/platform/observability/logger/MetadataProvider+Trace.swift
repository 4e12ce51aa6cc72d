package import Logging
import Tracing
import SoukText

extension Logger.MetadataProvider {
    /// `trace_id` and `span_id` of the task's trace context, nothing when there is none.
    ///
    /// Asks the instrument of the process for the W3C `traceparent` it would send along, so it works with any
    /// tracer.
    package static let trace = Logger.MetadataProvider {
        guard let context = ServiceContext.current else { return [:] }
        var carrier: [String: String] = [:]
        InstrumentationSystem.instrument.inject(context, into: &carrier, using: DictionaryInjector())
        // version "-" trace id "-" span id "-" flags, W3C Trace Context, section 3.2
        guard let parts = carrier["traceparent"]?.split(byte: "-"), parts.count >= 4 else { return [:] }
        return ["trace_id": .string(String(parts[1])), "span_id": .string(String(parts[2]))]
    }
}

private struct DictionaryInjector: Injector {
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) {
        carrier[key.lowercasedASCII()] = value
    }
}
