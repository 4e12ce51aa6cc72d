import Foundation
import SoukText

/// What the kernel knows about this process, read from `/proc` (proc(5)) whenever metrics are asked for,
/// under the names that Prometheus client libraries agree on
/// (https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics).
struct ProcessMetrics: Sendable {
    private let pageSize = Double(sysconf(Int32(_SC_PAGESIZE)))
    private let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
    private let startTime: Double?

    init() {
        let ticks = sysconf(Int32(_SC_CLK_TCK))
        // Field 22 of /proc/self/stat counts from the boot, whose time is in /proc/stat.
        if let start = Self.statField(22), let boot = Self.bootTime(), ticks > 0 {
            startTime = boot + start / Double(ticks)
        } else {
            startTime = nil
        }
    }

    func render(into text: inout String) {
        if let user = Self.statField(14), let system = Self.statField(15) {
            metric(
                "process_cpu_seconds_total", "counter", "User and system CPU time spent.",
                (user + system) / ticksPerSecond, into: &text)
        }
        if let open = Self.openFiles() {
            metric("process_open_fds", "gauge", "Open file descriptors.", open, into: &text)
        }
        if let pages = Self.residentPages() {
            metric(
                "process_resident_memory_bytes", "gauge", "Resident memory size.", pages * pageSize,
                into: &text)
        }
        if let startTime {
            metric(
                "process_start_time_seconds", "gauge", "Start of the process, seconds since 1970.", startTime,
                into: &text)
        }
    }

    private func metric(
        _ name: String, _ type: String, _ help: String, _ value: Double, into text: inout String
    ) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n\(name) \(PrometheusNames.number(value))\n"
    }

    /// A field of `/proc/self/stat`, counted from 1 as the manual does, 4 or higher.
    private static func statField(_ number: Int) -> Double? {
        // The second field is the program's name in parentheses, which may itself hold spaces and
        // parentheses.
        guard let (_, rest) = contents("/proc/self/stat")?.split(atLast: ")") else { return nil }
        let fields = rest.split(byte: " ")
        return fields.count > number - 3 ? Double(fields[number - 3]) : nil
    }

    private static func residentPages() -> Double? {
        guard let fields = contents("/proc/self/statm")?.split(byte: " "), fields.count > 1 else {
            return nil
        }
        return Double(fields[1])
    }

    private static func bootTime() -> Double? {
        guard
            let line = contents("/proc/stat")?.split(byte: "\n").first(where: {
                $0.hasPrefix(bytes: "btime ")
            })
        else {
            return nil
        }
        return Double(line.dropFirst(6))
    }

    private static func openFiles() -> Double? {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd") else {
            return nil
        }
        // One of them was the descriptor that read the folder.
        return Double(max(0, names.count - 1))
    }

    private static func contents(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
    }
}
