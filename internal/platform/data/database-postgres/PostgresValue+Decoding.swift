import SoukDatabase

/// The types of PostgreSQL that the driver knows, by their object identifiers (`pg_type.dat`), which never change.
enum PostgresType {
    static let bool: UInt32 = 16
    static let bytea: UInt32 = 17
    static let int8: UInt32 = 20
    static let int2: UInt32 = 21
    static let int4: UInt32 = 23
    static let oid: UInt32 = 26
    static let float4: UInt32 = 700
    static let float8: UInt32 = 701
    static let numeric: UInt32 = 1_700
    static let void: UInt32 = 2_278
    static let regclass: UInt32 = 2_205
    static let uuid: UInt32 = 2_950
    static let jsonb: UInt32 = 3_802
    /// Texts on the wire: "char", name, text, json, xml, unknown, character, character varying.
    static let texts: Set<UInt32> = [18, 19, 25, 114, 142, 705, 1_042, 1_043]

    static let names: [UInt32: String] = [
        1_082: "date", 1_083: "time", 1_114: "timestamp", 1_184: "timestamptz", 1_186: "interval",
        869: "inet",
        1_007: "integer[]", 1_009: "text[]", 1_016: "bigint[]",
    ]
}

extension SQLValue {
    /// A value in PostgreSQL's binary format.
    ///
    /// - Throws: `.decoding` for a type that has no storage class, or a value that does not fit into it.
    init(postgres bytes: UnsafeRawBufferPointer, type: UInt32) throws(DatabaseError) {
        switch type {
        case PostgresType.int8: self = .integer(try bytes.integer(Int64.self))
        case PostgresType.int4: self = .integer(Int64(try bytes.integer(Int32.self)))
        case PostgresType.int2: self = .integer(Int64(try bytes.integer(Int16.self)))
        case PostgresType.oid, PostgresType.regclass: self = .integer(Int64(try bytes.integer(UInt32.self)))
        case PostgresType.bool: self = .integer(try bytes.integer(UInt8.self) == 0 ? 0 : 1)
        case PostgresType.float8: self = .real(Double(bitPattern: try bytes.integer(UInt64.self)))
        case PostgresType.float4: self = .real(Double(Float(bitPattern: try bytes.integer(UInt32.self))))
        case PostgresType.numeric: self = try PostgresNumeric(bytes).value
        case PostgresType.bytea: self = .blob(Array(bytes))
        case PostgresType.uuid: self = .text(try Self.uuidText(bytes))
        // The first byte is the format's version.
        case PostgresType.jsonb: self = .text(String(decoding: bytes.dropFirst(), as: UTF8.self))
        case PostgresType.void: self = .null
        case _ where PostgresType.texts.contains(type): self = .text(String(decoding: bytes, as: UTF8.self))
        default:
            let name = PostgresType.names[type] ?? "the type with OID \(type)"
            throw DatabaseError(.decoding, detail: "\(name) is not read; cast it to text or bigint")
        }
    }

    private static func uuidText(_ bytes: UnsafeRawBufferPointer) throws(DatabaseError) -> String {
        guard bytes.count == 16 else { throw .malformed }
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(36)
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text.append(UInt8(ascii: "-")) }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// A NUMERIC as it travels: groups of four decimal digits (`numeric_send` in PostgreSQL's numeric.c).
struct PostgresNumeric {
    let value: SQLValue

    /// A whole number of 64 bits becomes an integer, such as a sum of bigints; others become real.
    init(_ bytes: UnsafeRawBufferPointer) throws(DatabaseError) {
        guard bytes.count >= 8 else { throw .malformed }
        func word(_ index: Int) -> Int {
            Int(UInt16(bytes[2 * index]) << 8 | UInt16(bytes[2 * index + 1]))
        }
        let count = word(0)
        let weight = Int(Int16(truncatingIfNeeded: word(1)))
        guard bytes.count == 8 + 2 * count else { throw .malformed }
        let groups = (0..<count).map { word(4 + $0) }
        let isNegative: Bool
        switch word(2) {
        case 0x0000: isNegative = false
        case 0x4000: isNegative = true
        case 0xd000: self.value = .real(.infinity); return
        case 0xf000: self.value = .real(-.infinity); return
        default: self.value = .real(.nan); return
        }
        // Trailing zeros are not sent: groups after the point mean a fraction.
        guard groups.dropFirst(max(0, weight + 1)).allSatisfy({ $0 == 0 }) else {
            self.value = .real(Self.real(groups, weight: weight, isNegative: isNegative))
            return
        }
        var whole: Int64 = 0
        for index in 0..<max(0, weight + 1) {
            let group = Int64(index < groups.count ? groups[index] : 0)
            let (shifted, isTooLarge) = whole.multipliedReportingOverflow(by: 10_000)
            // Downwards, since there is one negative number more.
            let (sum, isTooLow) = shifted.subtractingReportingOverflow(group)
            guard !isTooLarge, !isTooLow else {
                throw DatabaseError(.decoding, detail: "a numeric is beyond 64 bits")
            }
            whole = sum
        }
        guard isNegative || whole != .min else {
            throw DatabaseError(.decoding, detail: "a numeric is beyond 64 bits")
        }
        self.value = .integer(isNegative ? whole : -whole)
    }

    private static func real(_ groups: [Int], weight: Int, isNegative: Bool) -> Double {
        // Through text, which rounds correctly.
        let digits = groups.map { group in
            let text = String(group)
            return String(repeating: "0", count: 4 - text.count) + text
        }.joined()
        let exponent = 4 * (weight + 1 - groups.count)
        // Digits and an exponent are always a number.
        return Double("\(isNegative ? "-" : "")\(digits)e\(exponent)") ?? .nan
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func integer<T: FixedWidthInteger>(_ type: T.Type) throws(DatabaseError) -> T {
        guard count == MemoryLayout<T>.size else { throw .malformed }
        return T(bigEndian: loadUnaligned(as: T.self))
    }
}

extension DatabaseError {
    fileprivate static var malformed: DatabaseError {
        DatabaseError(.decoding, detail: "the server sent a value of another length than its type has")
    }
}
