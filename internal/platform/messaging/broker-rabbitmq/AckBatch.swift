/// Acknowledgements of one channel that wait to be sent together.
///
/// Each frame is a command to the queue's log, and a channel of RabbitMQ that has 32 of them under way keeps further
/// ones to itself, losing them when it is closed. So they are collected for a few milliseconds: what has no gap before
/// it goes as one frame.
struct AckBatch {
    struct Frame: Equatable {
        let tag: UInt64
        /// All unacknowledged ones before it as well; RabbitMQ wants the tag itself to be one of them.
        let multiple: Bool
    }

    /// Everything up to here is sent.
    private var sentUpTo: UInt64 = 0
    /// Sent one by one, beyond a gap.
    private var sentBeyond: Set<UInt64> = []
    private var waiting: Set<UInt64> = []

    var isEmpty: Bool { waiting.isEmpty }

    mutating func insert(_ tag: UInt64) {
        waiting.insert(tag)
    }

    /// What to send now.
    mutating func take() -> [Frame] {
        var frames: [Frame] = []
        var last: UInt64?
        var count = 0
        while true {
            let next = sentUpTo + 1
            if waiting.remove(next) != nil {
                last = next
                count += 1
            } else if sentBeyond.remove(next) == nil {
                break
            }
            sentUpTo = next
        }
        if let last { frames.append(Frame(tag: last, multiple: count > 1)) }
        frames += waiting.sorted().map { Frame(tag: $0, multiple: false) }
        sentBeyond.formUnion(waiting)
        waiting = []
        return frames
    }
}
