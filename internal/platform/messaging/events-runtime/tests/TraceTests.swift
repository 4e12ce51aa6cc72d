import SoukCloudEvents
import SoukDatabase
import Testing
import Tracing

@testable import SoukEventsRuntime

@Suite(.timeLimit(.minutes(1)))
struct TraceTests {
    @Test(arguments: ["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", nil])
    func `the publisher's trace goes on in the handler`(traceparent: String?) async throws {
        var options = EventRuntimeOptions.quick
        options.trace = TracePropagation(instrument: TraceparentInstrument())
        let fixture = try await EventsFixture(options: options)
        let seen = Probe<String?>()
        let handler = EventHandler.on(Counted.self) { _, _, transaction in
            let value = ServiceContext.current?[TraceparentKey.self]
            transaction.afterCommit { seen.record(value) }
        }
        try await fixture.running([handler]) {
            var context = ServiceContext.topLevel
            context[TraceparentKey.self] = traceparent
            try await ServiceContext.withValue(context) {
                try await fixture.publish([Counted(tallyId: "a", number: 1)])
            }
            await seen.wait(for: 1)
        }
        #expect(seen.all == [traceparent])
    }
}

private enum TraceparentKey: ServiceContextKey {
    typealias Value = String
}

/// Carries the header as it is.
private struct TraceparentInstrument: Instrument {
    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        context[TraceparentKey.self] = extractor.extract(key: "traceparent", from: carrier)
    }

    func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let value = context[TraceparentKey.self] else { return }
        injector.inject(value, forKey: "traceparent", into: &carrier)
    }
}
