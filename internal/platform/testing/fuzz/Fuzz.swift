import ArgumentParser
import Foundation
import Glibc

/// Attacks listeners on loopback with nearly right byte streams, and ends as soon as one of their processes does.
@main
struct Fuzz: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "souk-fuzz",
        abstract:
            "Opens connections with mutated byte streams; see scripts/fuzz, which starts what it attacks.")

    @Option(help: "What all connections follow from.")
    var seed: UInt64 = 1
    @Option(help: "The index of the first connection.")
    var first = 0
    @Option(help: "How many connections.")
    var connections = 100_000
    @Option(help: "Ends after so many minutes at the latest.")
    var minutes = 60.0
    @Option(help: "Connections at a time.")
    var concurrency = 256
    @Option(help: "Looks after so many connections whether all processes are well.")
    var batch = 5_000
    @Option(help: "Folder of the byte streams.")
    var corpus: String
    @Option(help: "Where the bytes of connections go that may have ended a process.")
    var failures: String
    @Option(name: .customLong("target"), help: "name:http|tls|grpc:port:pid:weight; repeatable.")
    var targets: [String]

    func validate() throws {
        guard connections > 0, first >= 0, minutes > 0, (1...4_000).contains(concurrency), batch > 0,
            !targets.isEmpty
        else {
            throw ValidationError(
                "The numbers must be positive, --concurrency at most 4000, and one --target is needed.")
        }
    }

    func run() throws {
        let folder = URL(filePath: corpus)
        let streams = try Corpus(folder: folder)
        let targets = try targets.map { try Target($0, corpus: folder) }
        var run = FuzzRun(seed: seed, first: first, targets: targets, corpus: streams)
        let end = Engine.now() + Int64(minutes * 60_000)
        let fault = run.attack(count: connections, concurrency: concurrency, batch: batch, until: end)
        print(run.summary())
        guard let fault else { return }
        try run.writeSuspects(to: URL(filePath: failures))
        print(
            "failed: \(fault); seed=\(seed) first=\(run.suspects.lowerBound) connections=\(run.suspects.count)"
        )
        throw ExitCode(1)
    }
}
