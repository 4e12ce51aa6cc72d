import Foundation
import SoukTesting

/// Has a stand-in fail requests at random, as brokers do that move, restart or are short of something. The same seed has it push
/// the same errors.
struct ErrorStorm {
    /// By API: what clients have to bear without anybody noticing; -195 cuts the connection.
    private static let bearable: [Int: [Int]] = [
        // Produce: leader not available, not leader, timed out, too few replicas before and after.
        0: [5, 6, 7, 19, 20, -195],
        // Fetch and ListOffsets: leader not available, not leader, timed out.
        1: [5, 6, -195],
        2: [5, 6, 7, -195],
        // OffsetCommit, OffsetFetch, FindCoordinator: coordinator loads, is not available, is another.
        8: [14, 15, 16, -195],
        9: [14, 15, 16, -195],
        10: [15, -195],
        // JoinGroup, Heartbeat, LeaveGroup.
        11: [14, 15, 16, -195],
        12: [15, 16, -195],
        13: [15, 16, 25, -195],
        // CreateTopics: leader not available, timed out, not controller, throttled.
        19: [5, 7, 41, 89],
        // InitProducerId: coordinator loads, is not available, concurrent transactions.
        22: [14, 15, 51, -195],
    ]

    /// What takes partitions away from a member, which then gets again what it held: the topic is unknown, the group
    /// rebalances, the generation is another, the member unknown.
    private static let rebalancing: [Int: [Int]] = [
        1: [3], 2: [3], 8: [3, 22, 25, 27], 11: [25, 27], 12: [22, 25, 27], 14: [22, 25, 27],
    ]

    private let cluster: MockCluster
    private let rebalances: Bool
    private let errors: [(api: Int, codes: [Int])]
    private var random: SeededGenerator

    /// - Parameter rebalances: With errors that take partitions away.
    init(_ cluster: MockCluster, seed: UInt64, rebalances: Bool) {
        self.cluster = cluster
        self.rebalances = rebalances
        let all = Self.bearable.merging(rebalances ? Self.rebalancing : [:], uniquingKeysWith: +)
        self.errors = all.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        random = SeededGenerator(seed: seed)
    }

    /// Pushes errors until the task is cancelled, then lets the cluster be well.
    mutating func rage() async throws {
        defer { calm() }
        while !Task.isCancelled {
            let (api, codes) = errors[Int.random(in: errors.indices, using: &random)]
            let code = codes[Int.random(in: codes.indices, using: &random)]
            // In place of what is left of the last time: a request that is rare would get all of it.
            try cluster.tell("clear \(api)")
            try cluster.tell("error \(api) \(code) \(Int.random(in: 1...2, using: &random))")
            switch Int.random(in: 0..<40, using: &random) {
            // Asking for a topic: leader not available, or unknown, which has consumers begin anew.
            case 0: try cluster.tell("topic-error * 5")
            case 1: try cluster.tell("topic-error * \(rebalances ? 3 : 5)")
            case 2: try cluster.tell("delay \(Int.random(in: 50...200, using: &random))")
            default:
                try cluster.tell("topic-error * 0")
                try cluster.tell("delay 0")
            }
            try? await Task.sleep(for: .milliseconds(Int.random(in: 250...600, using: &random)))
        }
    }

    private func calm() {
        for (api, _) in errors { try? cluster.tell("clear \(api)") }
        try? cluster.tell("topic-error * 0")
        try? cluster.tell("delay 0")
    }
}
