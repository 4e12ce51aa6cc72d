import SoukDatabase

/// A statement's bound values as they travel: each in the binary format of the type that the server inferred for its
/// place, or as text for the server to judge.
struct PostgresParameters {
    /// All values, one after the other; texts end with a zero byte.
    private(set) var bytes: [UInt8] = []
    /// Where each value begins; nil for `NULL`.
    private(set) var offsets: [Int?] = []
    private(set) var lengths: [Int32] = []
    /// 1 for binary, 0 for text.
    private(set) var formats: [Int32] = []

    static let none = PostgresParameters()

    private init() {}

    /// - Throws: `.other` for a value that PostgreSQL cannot take: a text with a NUL character, not-a-number, a blob
    ///   where none belongs. `.syntax` where places and values differ in number.
    init(_ values: [SQLValue], types: [UInt32]) throws(DatabaseError) {
        guard values.count == types.count else {
            throw DatabaseError(.syntax, detail: "\(types.count) placeholders for \(values.count) values")
        }
        for (index, value) in values.enumerated() {
            do {
                try append(value, type: types[index])
            } catch {
                throw DatabaseError(error.reason, detail: "value \(index + 1) \(error.detail ?? "")")
            }
        }
    }

    private mutating func append(_ value: SQLValue, type: UInt32) throws(DatabaseError) {
        switch (value, type) {
        case (.null, _):
            offsets.append(nil)
            lengths.append(0)
            formats.append(1)
        case (.integer(let number), PostgresType.int8):
            append(number)
        case (.integer(let number), PostgresType.bool):
            guard number == 0 || number == 1 else { throw Self.refusal("is a boolean, so 0 or 1") }
            append(UInt8(number))
        case (.integer(let number), PostgresType.float8):
            append(Double(number).bitPattern)
        case (.integer(let number), _):
            append(text: String(number))
        case (.real(let number), _) where number.isNaN:
            throw Self.refusal("is not a number")
        case (.real(let number), PostgresType.float8):
            append(number.bitPattern)
        case (.real(let number), _):
            append(text: number.isFinite ? "\(number)" : number < 0 ? "-Infinity" : "Infinity")
        case (.text, PostgresType.bytea):
            // Its escapes would be taken for bytes.
            throw Self.refusal("is a blob, not a text")
        case (.text(let text), _):
            guard !text.utf8.contains(0) else {
                throw Self.refusal("holds a NUL character, which PostgreSQL does not store")
            }
            append(text: text)
        case (.blob(let blob), PostgresType.bytea):
            append(blob, isBinary: true)
        case (.blob, _):
            throw Self.refusal("is not a blob")
        }
    }

    private mutating func append(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.bigEndian) { append($0, isBinary: true) }
    }

    private mutating func append(text: String) {
        append(text.utf8, isBinary: false)
        bytes.append(0)
    }

    private mutating func append(_ content: some Collection<UInt8>, isBinary: Bool) {
        offsets.append(bytes.count)
        bytes.append(contentsOf: content)
        lengths.append(Int32(content.count))
        formats.append(isBinary ? 1 : 0)
    }

    private static func refusal(_ detail: String) -> DatabaseError { DatabaseError(.other, detail: detail) }

    /// The arguments of `PQsendQueryPrepared`: how many, where they are, how long, in which formats.
    func withArguments<T>(
        _ body: (
            Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?
        ) -> T
    ) -> T {
        bytes.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) { characters in
                // Without any byte there may be no address, which would mean NULL: an empty blob points to a zero.
                withUnsafePointer(to: CChar(0)) { zero in
                    let values = offsets.map { offset in
                        offset.map { start in characters.baseAddress.map { $0 + start } ?? zero }
                    }
                    return body(Int32(offsets.count), values, lengths, formats)
                }
            }
        }
    }
}
