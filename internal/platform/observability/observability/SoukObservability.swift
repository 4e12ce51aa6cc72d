import Metrics
import Synchronization
import Tracing

/// Sets up swift-metrics and swift-distributed-tracing for a process.
package enum SoukObservability {
    private static let registry = Mutex<PrometheusRegistry?>(nil)

    /// Sends all metrics to a Prometheus registry and all traces to a `SoukTracer`, and returns the registry.
    ///
    /// Only the first call in a process counts, because both systems take only one; later ones return its
    /// registry.
    @discardableResult
    package static func bootstrap(
        exporter: any SpanExporter = DiscardingExporter(), sampleRatio: Double = 1
    ) -> PrometheusRegistry {
        registry.withLock { registry in
            if let registry { return registry }
            let new = PrometheusRegistry()
            MetricsSystem.bootstrap(new)
            InstrumentationSystem.bootstrap(SoukTracer(exporter: exporter, sampleRatio: sampleRatio))
            registry = new
            return new
        }
    }
}
