import Synchronization

/// In which part of its life the process is, and whether it can serve.
final class HostHealth: Sendable {
    enum Phase: Sendable {
        case starting, serving, stopping
    }

    private let phase = Mutex(Phase.starting)
    private let probes: [ReadinessProbe]

    init(probes: [ReadinessProbe]) {
        self.probes = probes
    }

    /// Stopping is final.
    func enter(_ next: Phase) {
        phase.withLock { if $0 != .stopping { $0 = next } }
    }

    var isStarting: Bool { phase.withLock { $0 == .starting } }

    /// Asks every probe, all at once.
    func report() async -> ReadinessReport {
        let checks = await withTaskGroup(of: (Int, ReadinessReport.Check).self) { group in
            for (index, probe) in probes.enumerated() {
                group.addTask { (index, await probe.run()) }
            }
            var checks: [(Int, ReadinessReport.Check)] = []
            for await check in group { checks.append(check) }
            return checks.sorted { $0.0 < $1.0 }.map(\.1)
        }
        let status: ReadinessReport.Status =
            switch phase.withLock({ $0 }) {
            case .starting: .starting
            case .stopping: .stopping
            case .serving: checks.contains { $0.status == .failing } ? .failing : .ready
            }
        return ReadinessReport(status: status, checks: checks)
    }
}
