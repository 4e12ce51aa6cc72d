/// Streams that are nearly right.
enum Mutation {
    static let maxBytes = 48 << 10
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    private static let unusual: [UInt8] = [0, 1, 0x0A, 0x0D, 0x20, 0x2C, 0x3A, 0x7F, 0x80, 0xFE, 0xFF]

    /// A stream of the corpus, changed in some places; unchanged in one of four cases.
    static func stream(for kind: Target.Kind, _ corpus: Corpus, _ random: inout SeededRandom) -> [UInt8] {
        var bytes = corpus.pick(for: kind, &random)
        guard !random.happens(25) else { return bytes }
        for _ in 0..<(1 + random.below(5)) {
            if bytes.starts(with: preface), random.happens(60) {
                FrameMutation.change(&bytes, &random)
            } else {
                change(&bytes, corpus, &random)
            }
        }
        if bytes.count > maxBytes { bytes.removeLast(bytes.count - maxBytes) }
        return bytes
    }

    private static func change(_ bytes: inout [UInt8], _ corpus: Corpus, _ random: inout SeededRandom) {
        guard !bytes.isEmpty else {
            bytes = random.bytes(1 + random.below(64))
            return
        }
        let place = random.below(bytes.count)
        let range = place..<min(bytes.count, place + 1 + random.below(40))
        switch random.below(10) {
        case 0: bytes[place] ^= 1 << random.below(8)
        case 1: bytes[place] = unusual[random.below(unusual.count)]
        case 2: bytes.insert(contentsOf: random.bytes(1 + random.below(24)), at: place)
        case 3: bytes.removeSubrange(range)
        case 4: bytes.insert(contentsOf: bytes[range], at: place)
        case 5: bytes.replaceSubrange(range, with: random.bytes(range.count))
        case 6: bytes.removeLast(bytes.count - place)
        case 7:
            let other = corpus.all[random.below(corpus.all.count)]
            bytes.replaceSubrange(place..., with: other.dropFirst(random.below(other.count)))
        case 8: for _ in 0..<(1 + random.below(3)) where bytes.count < maxBytes { bytes += bytes }
        default: bytes += random.bytes(3_000)
        }
    }
}

/// Changes of single frames of HTTP/2 (RFC 9113, section 4.1), which leave the others as they are.
enum FrameMutation {
    private static let header = 9

    static func change(_ bytes: inout [UInt8], _ random: inout SeededRandom) {
        let frames = starts(bytes)
        guard !frames.isEmpty, !random.happens(30) else {
            let place = frames.isEmpty ? bytes.count : frames[random.below(frames.count)]
            return bytes.insert(contentsOf: frame(&random), at: place)
        }
        let index = random.below(frames.count)
        let start = frames[index]
        let end = index + 1 < frames.count ? frames[index + 1] : bytes.count
        switch random.below(8) {
        case 0: bytes[start + random.below(3)] ^= 1 << random.below(8)
        case 1: bytes[start + 3] = UInt8(random.below(12))
        case 2: bytes[start + 4] = UInt8(random.below(256))
        case 3: bytes[start + 8] = UInt8(random.below(16))
        case 4: bytes.removeSubrange(start..<end)
        case 5: bytes.insert(contentsOf: bytes[start..<end], at: start)
        case 6:
            for place in (start + header)..<max(end, start + header) where place < bytes.count {
                bytes[place] = 0
            }
        default:
            let moved = Array(bytes[start..<end])
            bytes.removeSubrange(start..<end)
            bytes += moved
        }
    }

    /// Any frame, as likely as not one that is wrong.
    private static func frame(_ random: inout SeededRandom) -> [UInt8] {
        let sizes = [0, 1, 4, 4, 4, 5, 6, 8, 8, 40]
        let payload =
            random.happens(40)
            ? [UInt8](repeating: 0, count: sizes[random.below(sizes.count)])
            : random.bytes(sizes[random.below(sizes.count)])
        let flags = random.happens(50) ? [0, 1, 4, 5, 8, 0x20][random.below(6)] : UInt8(random.below(256))
        return [0, 0, UInt8(payload.count), UInt8(random.below(11)), flags, 0, 0, 0, UInt8(random.below(8))]
            + payload
    }

    /// Where frames begin, as far as they are whole.
    private static func starts(_ bytes: [UInt8]) -> [Int] {
        var starts: [Int] = []
        var place = Mutation.preface.count
        while place + header <= bytes.count {
            starts.append(place)
            place += header + Int(bytes[place]) << 16 + Int(bytes[place + 1]) << 8 + Int(bytes[place + 2])
        }
        return starts
    }
}
