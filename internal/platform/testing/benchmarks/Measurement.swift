import Foundation
import Synchronization

/// One measurement: how often something was done, in what time, and at what cost of this process.
struct Measurement: Encodable {
    let name: String
    let operations: Int
    let seconds: Double
    /// User and system time of all threads of this process.
    let cpuSeconds: Double
    /// Microseconds, where single operations were timed.
    var p50: Double?
    var p99: Double?

    enum CodingKeys: String, CodingKey {
        case name, operations, seconds
        case cpuSeconds = "cpu_seconds"
        case p50 = "p50_us"
        case p99 = "p99_us"
    }

    /// Prints it as one line of JSON.
    func report() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        FileHandle.standardOutput.write(try encoder.encode(self) + Data("\n".utf8))
    }
}

/// Wall clock and processor time from its making on.
struct Meter {
    private let start = ContinuousClock.now
    private let processorStart = Self.processorSeconds()

    /// - Parameter latencies: Of single operations, in any order; none where they were not timed.
    func measurement(
        _ name: String, operations: Int, latencies: [Duration] = []
    ) -> Measurement {
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let processor = Self.processorSeconds() - processorStart
        var measured = Measurement(
            name: name, operations: operations, seconds: seconds, cpuSeconds: processor)
        let sorted = latencies.sorted()
        if !sorted.isEmpty {
            measured.p50 = Self.microseconds(sorted[sorted.count / 2])
            measured.p99 = Self.microseconds(sorted[min(sorted.count - 1, sorted.count * 99 / 100)])
        }
        return measured
    }

    private static func microseconds(_ duration: Duration) -> Double {
        (duration / .microseconds(1) * 10).rounded() / 10
    }

    private static func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// A generator that costs nothing beside what is measured (SplitMix64, Steele, Lea and Flood 2014).
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: Int) {
        state = UInt64(bitPattern: Int64(seed)) &* 0x9e37_79b9_7f4a_7c15
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// Runs an operation in several tasks, each again and again until the time is up.
///
/// - Returns: How long each run took.
func repeatedly(
    tasks: Int, for duration: Duration,
    _ operation: @escaping @Sendable (inout SplitMix) async throws -> Void
) async throws -> [Duration] {
    let end = ContinuousClock.now + duration
    return try await withThrowingTaskGroup(of: [Duration].self) { group in
        for task in 0..<tasks {
            group.addTask {
                var random = SplitMix(seed: task + 1)
                var latencies: [Duration] = []
                var start = ContinuousClock.now
                while start < end {
                    try await operation(&random)
                    let now = ContinuousClock.now
                    latencies.append(now - start)
                    start = now
                }
                return latencies
            }
        }
        return try await group.reduce(into: []) { $0 += $1 }
    }
}
