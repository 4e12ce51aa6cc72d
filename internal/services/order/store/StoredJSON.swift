import Foundation
import SoukDatabase

/// Small structures that are kept as JSON text because nothing is ever searched by what is inside.
enum StoredJSON {
    static func encode(_ value: some Encodable) throws(DatabaseError) -> String {
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch {
            throw DatabaseError(.other, detail: "\(error)")
        }
    }

    static func decode<T: Decodable>(_ text: String, as type: T.Type = T.self) throws(DatabaseError) -> T {
        do {
            return try JSONDecoder().decode(type, from: Data(text.utf8))
        } catch {
            throw DatabaseError(.decoding, detail: "\(T.self): \(error)")
        }
    }
}

extension Array {
    /// Slices of at most `size`: long inserts are cut into statements of one text, which the driver keeps prepared.
    func chunked(_ size: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
    }
}
