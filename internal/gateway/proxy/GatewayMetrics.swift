import CoreMetrics
import NIOCore
import Synchronization

/// What is counted for one route.
final class RouteMetrics: Sendable {
    private let route: String
    /// By status, made when one is first seen: most routes give few of them.
    private let requests = Mutex<[Int: Counter]>([:])
    private let durations: Timer
    let inFlight: Meter

    init(route: String) {
        self.route = route
        durations = Timer(
            label: "gateway_request_duration_seconds", dimensions: [("route", route)],
            preferredDisplayUnit: .seconds)
        inFlight = Meter(label: "gateway_requests_in_flight", dimensions: [("route", route)])
    }

    func record(status: Int, duration: TimeAmount) {
        let counter = requests.withLock { requests in
            if let known = requests[status] { return known }
            let counter = Counter(
                label: "gateway_requests_total", dimensions: [("route", route), ("status", String(status))])
            requests[status] = counter
            return counter
        }
        counter.increment()
        durations.recordNanoseconds(duration.nanoseconds)
    }
}

/// What a client wanted beyond its part, by kind.
final class BudgetMetrics: Sendable {
    let connections = refused("connections")
    let requests = refused("requests")
    let slots = refused("slots")
    let bodyMemory = refused("body_memory")
    let bodyRate = refused("body_rate")
    let frames = refused("http2_frames")

    private static func refused(_ kind: String) -> Counter {
        Counter(label: "gateway_budget_refusals_total", dimensions: [("kind", kind)])
    }
}

/// What is counted for one service behind the gateway.
final class UpstreamMetrics: Sendable {
    let answers: Counter
    let failures: Counter
    let timeouts: Counter
    let retries: Counter
    let durations: Timer
    /// 1 while the breaker of one of its routes is open.
    let breakerOpen: Meter
    let healthyAddresses: Meter

    init(upstream: String) {
        let dimensions = [("upstream", upstream)]
        func requests(_ outcome: String) -> Counter {
            Counter(label: "gateway_upstream_requests_total", dimensions: dimensions + [("outcome", outcome)])
        }
        answers = requests("answered")
        failures = requests("failed")
        timeouts = requests("timed_out")
        retries = Counter(label: "gateway_upstream_retries_total", dimensions: dimensions)
        durations = Timer(
            label: "gateway_upstream_duration_seconds", dimensions: dimensions, preferredDisplayUnit: .seconds
        )
        breakerOpen = Meter(label: "gateway_upstream_breakers_open", dimensions: dimensions)
        healthyAddresses = Meter(label: "gateway_upstream_healthy_addresses", dimensions: dimensions)
    }
}
