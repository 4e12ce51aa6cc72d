import Foundation

/// A series of connections and what became of them.
struct FuzzRun {
    private static let reportMilliseconds: Int64 = 10_000

    let seed: UInt64
    let targets: [Target]
    let corpus: Corpus
    private var engine: Engine
    private var next: Int
    /// The first connection after all processes were last seen well.
    private var wellUntil: Int
    private let began = Engine.now()
    private var refused = 0

    init(seed: UInt64, first: Int, targets: [Target], corpus: Corpus) {
        self.seed = seed
        self.targets = targets
        self.corpus = corpus
        next = first
        wellUntil = first
        engine = Engine(ports: targets.map(\.port))
    }

    /// The connections one of which is at fault where the run ended with a fault.
    var suspects: Range<Int> { wellUntil..<next }

    /// Runs until all connections are over or the time is up. Nil, or what happened to a process.
    mutating func attack(count: Int, concurrency: Int, batch: Int, until end: Int64) -> String? {
        let last = next + count
        var reportAt = Engine.now() + Self.reportMilliseconds
        while next < last, Engine.now() < end {
            let batchEnd = min(next + batch, last)
            let batchBegin = next
            while next < batchEnd || engine.active > 0 {
                while next < batchEnd, engine.active < concurrency {
                    let plan = ConnectionPlan(seed: seed, index: next, targets: targets, corpus: corpus)
                    next += 1
                    guard engine.open(plan) else {
                        refused += 1
                        break
                    }
                }
                engine.turn()
            }
            if let fault = fault() { return fault }
            wellUntil = next
            if batchBegin < next, Engine.now() > reportAt {
                print(summary())
                // A pipe would keep it for long.
                fflush(nil)
                reportAt += Self.reportMilliseconds
            }
        }
        return nil
    }

    /// Whether the process ends within half a second: its sockets are closed a moment before.
    private func endsSoon(_ target: Target) -> Bool {
        for _ in 0..<50 where target.isAlive { usleep(10_000) }
        return !target.isAlive
    }

    private func fault() -> String? {
        for target in targets {
            guard target.isAlive else { return "\(target.name) (pid \(target.pid)) has ended" }
            if let fault = target.fault() {
                return endsSoon(target)
                    ? "\(target.name) (pid \(target.pid)) has ended" : "\(target.name) \(fault)"
            }
        }
        return nil
    }

    func summary() -> String {
        let seconds = Double(Engine.now() - began) / 1_000
        let figures = engine.figures
        let rate = Int(Double(figures.finished) / max(seconds, 0.001))
        return
            "connections=\(figures.finished) seconds=\(Int(seconds)) per_second=\(rate) connected=\(figures.connected) "
            + "answered=\(figures.answered) refused=\(refused) sent_bytes=\(figures.bytesSent)"
    }

    /// A file each, named by its index.
    func writeSuspects(to folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for index in suspects {
            let plan = ConnectionPlan(seed: seed, index: index, targets: targets, corpus: corpus)
            let name = "connection-\(index)-\(targets[plan.target].name).bin"
            try Data(plan.bytes).write(to: folder.appending(path: name))
        }
    }
}
