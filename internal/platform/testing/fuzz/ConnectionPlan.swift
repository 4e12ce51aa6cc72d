/// What one connection does: its bytes in pieces, what happens between them, and how it ends. The same for the same seed and
/// index.
struct ConnectionPlan {
    enum Pause {
        case none
        case milliseconds(Int)
        /// Until something is received, or so many milliseconds have passed.
        case answer(Int)
    }

    enum End {
        case close
        /// RST instead of FIN.
        case reset
        /// FIN first, and the other half later.
        case halfClose(Pause, reset: Bool)
    }

    struct Piece {
        let range: Range<Int>
        let after: Pause
    }

    let index: Int
    let target: Int
    let bytes: [UInt8]
    let pieces: [Piece]
    let end: End

    init(seed: UInt64, index: Int, targets: [Target], corpus: Corpus) {
        var random = SeededRandom(seed: seed, index: UInt64(index))
        self.index = index
        target = Target.pick(targets, &random)
        bytes = Mutation.stream(for: targets[target].kind, corpus, &random)
        var cuts: Set<Int> = []
        if !bytes.isEmpty, random.happens(50) {
            for _ in 0..<(1 + random.below(5)) { cuts.insert(random.below(bytes.count)) }
        }
        cuts.remove(0)
        let bounds = [0] + cuts.sorted() + [bytes.count]
        var pieces = zip(bounds, bounds.dropFirst()).map {
            Piece(range: $0..<$1, after: Self.between(&random))
        }
        // Some give up in the middle.
        if random.happens(15) { pieces.removeLast(random.below(pieces.count)) }
        if let last = pieces.popLast() {
            pieces.append(Piece(range: last.range, after: Self.beforeEnd(&random)))
        }
        self.pieces = pieces
        end = Self.end(&random)
    }

    /// Within 127.0.0.0/8, another for each connection: no budget of a client and no shortage of ports ends the run.
    var sourceAddress: UInt32 {
        let host = (UInt32(truncatingIfNeeded: index) &* 40_503) % 0xFD_FF_FE
        return 0x7F_01_00_01 + host
    }

    private static func between(_ random: inout SeededRandom) -> Pause {
        switch random.below(10) {
        case 0..<6: .none
        case 6..<9: .milliseconds(random.below(3))
        default: .answer(40)
        }
    }

    private static func beforeEnd(_ random: inout SeededRandom) -> Pause {
        switch random.below(10) {
        case 0..<5: .none
        case 5: .milliseconds(1 + random.below(4))
        default: .answer(60)
        }
    }

    private static func end(_ random: inout SeededRandom) -> End {
        switch random.below(10) {
        case 0..<5: .reset
        case 5..<8: .close
        default: .halfClose(random.happens(50) ? .none : .answer(40), reset: random.happens(50))
        }
    }
}
