/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators): the same numbers for the same seed and index.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    /// - Parameter index: which of the sequences of that seed.
    init(seed: UInt64, index: UInt64) {
        var mixed = SeededRandom(state: seed)
        state = mixed.next() ^ (index &* 0xD134_2543_DE82_EF95)
    }

    private init(state: UInt64) {
        self.state = state
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// From 0 to `bound - 1`.
    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(max(bound, 1))) }

    /// True in so many of a hundred cases.
    mutating func happens(_ percent: Int) -> Bool { below(100) < percent }

    mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8(truncatingIfNeeded: next() >> 17) }
    }
}
