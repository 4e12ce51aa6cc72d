import CoreMetrics
import Foundation
import SoukObservability
import Testing

@Suite struct PrometheusTests {
    private let registry = PrometheusRegistry(maxSeries: 10, includingProcess: false)

    @Test func nothingIsNothing() {
        #expect(registry.render() == "")
    }

    @Test func countersAddUp() {
        let first = Counter(
            label: "http.server.requests", dimensions: [("status", "200"), ("method", "GET")],
            factory: registry)
        let same = Counter(
            label: "http.server.requests", dimensions: [("method", "GET"), ("status", "200")],
            factory: registry)
        first.increment(by: 2)
        same.increment()
        Counter(label: "http.server.requests", factory: registry).increment(by: -5)
        FloatingPointCounter(label: "cpu_total", factory: registry).increment(by: 0.5)
        #expect(
            registry.render() == """
                # TYPE cpu_total counter
                cpu_total 0.5
                # TYPE http_server_requests_total counter
                http_server_requests_total 0
                http_server_requests_total{method="GET",status="200"} 3

                """)
    }

    @Test func gaugesShowTheLatest() {
        let gauge = Gauge(label: "depth", factory: registry)
        gauge.record(5)
        gauge.record(-2.5)
        let meter = Meter(label: "1 open connections", factory: registry)
        meter.increment(by: 3.0)
        meter.decrement()
        #expect(
            registry.render() == """
                # TYPE _1_open_connections gauge
                _1_open_connections 2
                # TYPE depth gauge
                depth -2.5

                """)
    }

    @Test func recordersSumUp() {
        let recorder = Recorder(label: "batch", dimensions: [("topic", "orders")], factory: registry)
        recorder.record(3)
        recorder.record(4)
        #expect(
            registry.render() == """
                # TYPE batch summary
                batch_sum{topic="orders"} 7
                batch_count{topic="orders"} 2

                """)
    }

    @Test func timersAreHistogramsInSeconds() {
        let timer = Timer(label: "query", dimensions: [("db", "x")], factory: registry)
        timer.recordMilliseconds(1)
        timer.recordMilliseconds(30)
        timer.recordSeconds(100)
        #expect(
            registry.render() == """
                # TYPE query_seconds histogram
                query_seconds_bucket{db="x",le="0.001"} 1
                query_seconds_bucket{db="x",le="0.0025"} 1
                query_seconds_bucket{db="x",le="0.005"} 1
                query_seconds_bucket{db="x",le="0.01"} 1
                query_seconds_bucket{db="x",le="0.025"} 1
                query_seconds_bucket{db="x",le="0.05"} 2
                query_seconds_bucket{db="x",le="0.1"} 2
                query_seconds_bucket{db="x",le="0.25"} 2
                query_seconds_bucket{db="x",le="0.5"} 2
                query_seconds_bucket{db="x",le="1"} 2
                query_seconds_bucket{db="x",le="2.5"} 2
                query_seconds_bucket{db="x",le="5"} 2
                query_seconds_bucket{db="x",le="10"} 2
                query_seconds_bucket{db="x",le="+Inf"} 3
                query_seconds_sum{db="x"} 100.031
                query_seconds_count{db="x"} 3

                """)
    }

    @Test func labelsAreEscaped() {
        Counter(
            label: "c",
            dimensions: [("path", "a\\b\"c\nd"), ("le", "x"), ("__name__", "y"), ("bad name", "z")],
            factory: registry
        ).increment()
        #expect(
            registry.render().contains(
                #"c_total{bad_name="z",exported___name__="y",exported_le="x",path="a\\b\"c\nd"} 1"#))
    }

    @Test func labelSetsAreBounded() {
        for number in 0..<1_000 {
            Counter(label: "visits", dimensions: [("user", "\(number)")], factory: registry).increment()
        }
        let lines = registry.render().split(separator: "\n").dropFirst()
        #expect(lines.count == 11)
        #expect(lines.contains("visits_total{overflow=\"true\"} 990"))
        Counter(label: "visits", dimensions: [("user", "3")], factory: registry).increment()
        #expect(registry.render().contains("visits_total{user=\"3\"} 2"))
    }

    @Test func aNameMeansOneThing() {
        Gauge(label: "x", factory: registry).record(1)
        Recorder(label: "x", factory: registry).record(9)
        #expect(registry.render() == "# TYPE x gauge\nx 1\n")
    }

    @Test func destroyedSeriesDisappear() {
        let counter = Counter(label: "c", factory: registry)
        counter.increment()
        counter.destroy()
        #expect(registry.render() == "")
    }

    @Test func countsFromManyTasks() async {
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1_000 {
                        Counter(label: "c", dimensions: [("a", "b")], factory: registry).increment()
                    }
                }
            }
        }
        #expect(registry.render().contains("c_total{a=\"b\"} 8000"))
    }

    @Test func showsTheProcess() throws {
        let text = PrometheusRegistry().render()
        func value(_ name: String) throws -> Double {
            let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(name + " ") })
            return try #require(Double(line.dropFirst(name.count + 1)))
        }
        #expect(try value("process_resident_memory_bytes") > 1_000_000)
        #expect(try value("process_cpu_seconds_total") >= 0)
        #expect(try value("process_open_fds") >= 3)
        let started = try value("process_start_time_seconds")
        let now = Date().timeIntervalSince1970
        #expect(started < now + 2)
        #expect(started > now - 86_400)
    }
}
