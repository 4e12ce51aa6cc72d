package import CoreMetrics
import Synchronization

/// Keeps the metrics of a process and writes them in the Prometheus text exposition format, version 0.0.4
/// (https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format).
///
/// Counters get the suffix `_total`; timers become histograms in seconds with the suffix `_seconds`; gauges,
/// meters and recorders that don't aggregate become gauges; recorders that do become summaries with sum and
/// count. Metrics with the same name and labels are one. A metric has at most `maxSeries` label sets: what
/// comes after goes into one series with the label `overflow="true"`, so labels made of foreign input can't
/// fill the memory. Safe from any thread.
package final class PrometheusRegistry: Sendable {
    /// Content type of what ``render()`` returns.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private static let overflowLabels = "overflow=\"true\""
    private static let maxFamilies = 2_000

    private enum Kind: String, Sendable {
        case counter, gauge, summary, histogram
    }

    private struct Family: Sendable {
        let kind: Kind
        var series: [String: any PrometheusSeries] = [:]
    }

    /// As a metric was asked for, before names are made Prometheus's.
    private struct Request: Hashable {
        let kind: Kind
        let label: String
        let dimensions: [(String, String)]

        static func == (one: Request, other: Request) -> Bool {
            one.kind == other.kind && one.label == other.label
                && one.dimensions.elementsEqual(other.dimensions, by: ==)
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(kind)
            hasher.combine(label)
            for (name, value) in dimensions {
                hasher.combine(name)
                hasher.combine(value)
            }
        }
    }

    private static let maxAnswers = 10_000

    private let families = Mutex<[String: Family]>([:])
    /// What was given to whom asks for a metric each time he records one, which is the rule.
    private let answers = Mutex<[Request: any PrometheusSeries]>([:])
    private let maxSeries: Int
    private let process: ProcessMetrics?

    /// An empty registry.
    ///
    /// `maxSeries` is the bound of label sets per metric; `includingProcess` adds the metrics of the process
    /// itself.
    package init(maxSeries: Int = 2_000, includingProcess: Bool = true) {
        self.maxSeries = maxSeries
        process = includingProcess ? ProcessMetrics() : nil
    }

    /// All metrics, ordered by name and labels.
    package func render() -> String {
        let snapshot = families.withLock { $0 }
        var text = ""
        for (name, family) in snapshot.sorted(by: { $0.key < $1.key }) where !family.series.isEmpty {
            text += "# TYPE \(name) \(family.kind.rawValue)\n"
            for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) {
                series.render(name: name, labels: labels, into: &text)
            }
        }
        process?.render(into: &text)
        return text
    }

    private func series<Series: PrometheusSeries>(
        _ kind: Kind, _ label: String, suffix: String = "", _ dimensions: [(String, String)],
        _ make: () -> Series
    ) -> Series {
        let request = Request(kind: kind, label: label, dimensions: dimensions)
        if let known = answers.withLock({ $0[request] }) as? Series { return known }
        let series = find(kind, PrometheusNames.metric(label, suffix: suffix), dimensions, make)
        answers.withLock { answers in
            if answers.count >= Self.maxAnswers { answers = [:] }
            answers[request] = series
        }
        return series
    }

    private func find<Series: PrometheusSeries>(
        _ kind: Kind, _ name: String, _ dimensions: [(String, String)], _ make: () -> Series
    ) -> Series {
        let labels = PrometheusNames.labels(dimensions)
        return families.withLock { families in
            var family = families[name] ?? Family(kind: kind)
            if let known = family.series[labels] as? Series, family.kind == kind { return known }
            // A name that already stands for something else, or one too many: counted, but not shown.
            guard family.kind == kind, families[name] != nil || families.count < Self.maxFamilies else {
                return make()
            }
            let key = family.series.count < maxSeries || labels.isEmpty ? labels : Self.overflowLabels
            if let overflow = family.series[key] as? Series { return overflow }
            let new = make()
            family.series[key] = new
            families[name] = family
            return new
        }
    }

    private func remove(_ handler: AnyObject) {
        answers.withLock { $0 = $0.filter { $0.value !== handler } }
        families.withLock { families in
            for (name, family) in families {
                guard let key = family.series.first(where: { $0.value === handler })?.key else { continue }
                families[name]?.series[key] = nil
                return
            }
        }
    }
}

extension PrometheusRegistry: MetricsFactory {
    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        series(.counter, label, suffix: "_total", dimensions, CounterSeries.init)
    }

    package func makeFloatingPointCounter(
        label: String, dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        series(.counter, label, suffix: "_total", dimensions, CounterSeries.init)
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        series(.gauge, label, dimensions, GaugeSeries.init)
    }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        aggregate
            ? series(.summary, label, dimensions, SummarySeries.init)
            : series(.gauge, label, dimensions, GaugeSeries.init)
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        series(.histogram, label, suffix: "_seconds", dimensions, HistogramSeries.init)
    }

    package func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
    package func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { remove(handler) }
}
