import SoukObservability
import Testing
import Tracing

private struct Carrier: Extractor, Injector {
    func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) {
        carrier[key] = value
    }
}

private struct Failure: Error {}

private let sampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

@Suite struct TraceparentTests {
    @Test(arguments: [
        (sampled, sampled),
        (
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
        ),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03", sampled),
        ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", sampled),
        ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes-next", sampled),
    ])
    func reads(_ text: String, _ canonical: String) {
        #expect(Traceparent(text)?.formatted == canonical)
    }

    @Test(arguments: [
        "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", sampled + "-", sampled + " ",
        " " + sampled,
        sampled + "-00", "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.x",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
        "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-001",
    ])
    func refuses(_ text: String) {
        #expect(Traceparent(text) == nil)
    }

    @Test func randomIDsReadBack() throws {
        var random = SystemRandomNumberGenerator()
        for number in 0..<2_000 {
            let header = Traceparent(
                traceID: .random(using: &random), spanID: .random(using: &random), isSampled: number % 2 == 0)
            #expect(Traceparent(header.formatted) == header)
        }
    }
}

@Suite struct SoukTracerTests {
    private let exporter = DiscardingExporter(keeping: 100)
    private var tracer: SoukTracer { SoukTracer(exporter: exporter) }

    private func context(_ headers: [String: String]) -> ServiceContext {
        var context = ServiceContext.topLevel
        tracer.extract(headers, into: &context, using: Carrier())
        return context
    }

    @Test func carriesTheContextOn() {
        let context = context([
            "traceparent": sampled, "tracestate": "congo=t61rcWkgMzE, rojo=00f067aa0ba902b7",
        ])
        #expect(context.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(context.spanID == "00f067aa0ba902b7")
        var headers: [String: String] = [:]
        tracer.inject(context, into: &headers, using: Carrier())
        #expect(headers == ["traceparent": sampled, "tracestate": "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"])
    }

    @Test(arguments: [
        "", " , ", "novalue", "UPPER=x", "a=", "a=\u{7f}", "a=é",
        String(repeating: "k=v,", count: 33) + "k=v",
        "a=" + String(repeating: "x", count: 511),
    ])
    func malformedTracestateIsDroppedAlone(_ text: String) {
        let context = context(["traceparent": sampled, "tracestate": text])
        #expect(context.traceContext?.traceState == nil)
        #expect(context.traceparent == sampled)
    }

    @Test func malformedTraceparentIsNone() {
        let context = context(["traceparent": "nonsense", "tracestate": "a=b"])
        #expect(context.traceContext == nil)
        #expect(context.traceID == nil)
        var headers: [String: String] = [:]
        tracer.inject(context, into: &headers, using: Carrier())
        #expect(headers.isEmpty)
    }

    @Test func spansContinueTheirParents() throws {
        tracer.withSpan("outer", context: context(["traceparent": sampled]), ofKind: .server) { outer in
            #expect(ServiceContext.current?.spanID == outer.context.spanID)
            tracer.withSpan("inner") { inner in
                inner.attributes["n"] = 3
                #expect(inner.context.traceID == outer.context.traceID)
            }
        }
        let spans = exporter.recent
        #expect(spans.map(\.operationName) == ["inner", "outer"])
        #expect(spans[0].parentSpanID == spans[1].context.spanID)
        #expect(spans[1].parentSpanID?.description == "00f067aa0ba902b7")
        #expect(spans.allSatisfy { $0.context.traceID.description == "4bf92f3577b34da6a3ce929d0e0e4736" })
        #expect(spans.allSatisfy { $0.endNanoseconds >= $0.startNanoseconds })
        #expect(spans[1].kind == .server)
        #expect(spans[0].attributes.get("n") == .int64(3))
    }

    @Test func newTracesHaveNewIDs() {
        let ids = (0..<100).map { _ in tracer.withSpan("s", context: .topLevel) { $0.context.traceID } }
        #expect(Set(ids).count == 100)
    }

    @Test func errorsAreRecorded() throws {
        #expect(throws: Failure.self) {
            try tracer.withSpan("s", context: .topLevel) { _ in throw Failure() }
        }
        let span = try #require(exporter.recent.first)
        #expect(span.status?.code == .error)
        let event = try #require(span.events.first)
        #expect(event.name == "exception")
        #expect(event.attributes.get("exception.message") == .string("Failure()"))
    }

    @Test func unsampledTracesAreCarriedButNotExported() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"
        tracer.withSpan("s", context: context(["traceparent": parent])) { span in
            #expect(!span.isRecording)
            #expect(span.context.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
            #expect(span.context.spanID != "00f067aa0ba902b7")
        }
        SoukTracer(exporter: exporter, sampleRatio: 0).withSpan("s", context: .topLevel) { _ in }
        #expect(exporter.recent.isEmpty)
    }

    @Test func samplingKeepsItsRatio() {
        let tracer = SoukTracer(exporter: exporter, sampleRatio: 0.25)
        let kept = (0..<4_000).count { _ in tracer.withSpan("s", context: .topLevel) { $0.isRecording } }
        #expect((800...1_200).contains(kept))
    }

    @Test func endedSpansDoNotChange() {
        let span = tracer.startSpan("s", context: .topLevel)
        for _ in 0..<1_000 { span.addEvent("e") }
        span.end()
        span.end()
        span.operationName = "other"
        #expect(exporter.recent.count == 1)
        #expect(exporter.recent.first?.operationName == "s")
        #expect(exporter.recent.first?.events.count == SoukSpan.maxItems)
        #expect(!span.isRecording)
    }

    @Test func exporterIsBounded() {
        let small = DiscardingExporter(keeping: 2)
        let tracer = SoukTracer(exporter: small)
        for name in ["a", "b", "c"] { tracer.withSpan(name, context: .topLevel) { _ in } }
        #expect(small.recent.map(\.operationName) == ["b", "c"])
        #expect(small.discardedCount == 1)
    }

    @Test func storedTraceparentsGoOn() {
        #expect(ServiceContext.topLevel.continuing(traceparent: sampled).traceparent == sampled)
        #expect(ServiceContext.topLevel.continuing(traceparent: "x").traceparent == nil)
        #expect(ServiceContext.topLevel.continuing(traceparent: nil).traceparent == nil)
    }
}

@Suite struct BootstrapTests {
    @Test func happensOnce() {
        let first = SoukObservability.bootstrap()
        #expect(SoukObservability.bootstrap() === first)
        #expect(InstrumentationSystem.instrument is SoukTracer)
    }
}
