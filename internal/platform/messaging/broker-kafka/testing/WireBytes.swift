/// Reads what a Kafka request of the versions before the compact ones consists of; zeros and nothing beyond the end.
struct WireReader {
    private var bytes: ArraySlice<UInt8>

    /// How many bytes are left.
    var count: Int { bytes.count }

    init(_ bytes: [UInt8]) {
        self.bytes = bytes[...]
    }

    mutating func int(_ size: Int) -> Int {
        let taken = bytes.prefix(size)
        bytes = bytes.dropFirst(size)
        let value = taken.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let shift = 64 - 8 * size
        return Int(Int64(bitPattern: value << UInt64(shift)) >> Int64(shift))
    }

    /// Nil for a null string.
    mutating func string() -> String? {
        let count = int(2)
        guard count >= 0 else { return nil }
        defer { bytes = bytes.dropFirst(count) }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    /// As many elements as the array says, at most as many as there are bytes.
    mutating func array<T>(_ element: (inout WireReader) -> T) -> [T] {
        let count = min(int(4), bytes.count)
        return count > 0 ? (0..<count).map { _ in element(&self) } : []
    }
}

/// Writes a Kafka response of the versions before the compact ones.
struct WireWriter {
    private(set) var bytes: [UInt8] = []

    mutating func int(_ value: Int, _ size: Int) {
        for index in (0..<size).reversed() { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * index))) }
    }

    mutating func string(_ text: String) {
        int(text.utf8.count, 2)
        bytes += text.utf8
    }
}
