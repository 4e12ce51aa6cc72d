import CZlib
import Foundation

/// The 100,000 most common passwords of eight or more characters (`scripts/common-passwords`).
///
/// NIST SP 800-63B-4, section 3.1.1.2, wants new passwords compared with such a list as a whole. The list is inflated when it is
/// first asked for, and stays as one block of a megabyte: lines in the order of their bytes.
struct CommonPasswords: Sendable {
    /// The list of the source tree.
    static let shared = CommonPasswords(text: inflated())

    private static let newline = UInt8(ascii: "\n")

    let text: [UInt8]

    /// - Parameter text: lower-case passwords in the order of their bytes, each with a newline at its end.
    init(text: [UInt8]) {
        self.text = text
    }

    /// Whether the password, in any case, is one of them.
    func contains(_ password: String) -> Bool {
        let wanted = Array(password.lowercased().utf8)
        var (low, high) = (text.startIndex, text.endIndex)
        while low < high {
            let start = lineStart(before: low + (high - low) / 2, notBefore: low)
            let end = text[start...].firstIndex(of: Self.newline) ?? text.endIndex
            let line = text[start..<end]
            if line.elementsEqual(wanted) { return true }
            if line.lexicographicallyPrecedes(wanted) {
                low = min(end + 1, text.endIndex)
            } else {
                high = start
            }
        }
        return false
    }

    private func lineStart(before index: Int, notBefore low: Int) -> Int {
        text[low..<index].lastIndex(of: Self.newline).map { $0 + 1 } ?? low
    }

    private static func inflated() -> [UInt8] {
        let encoded = Data(bytes: list.utf8Start, count: list.utf8CodeUnitCount)
        guard let compressed = Data(base64Encoded: encoded) else {
            preconditionFailure("the list is base64, as scripts/common-passwords writes it")
        }
        let text = [UInt8](unsafeUninitializedCapacity: size) { output, count in
            let written = compressed.withUnsafeBytes { input in
                souk_inflate(
                    input.bindMemory(to: UInt8.self).baseAddress, UInt32(input.count), output.baseAddress,
                    UInt32(output.count))
            }
            count = max(0, Int(written))
        }
        precondition(text.count == size, "the list is as scripts/common-passwords writes it")
        return text
    }
}
