import CArgon2
import Foundation
import SoukText

/// The cost of one hash. The defaults are OWASP's first choice for Argon2id.
struct Argon2Parameters: Sendable, Hashable {
    var memoryKiB: UInt32 = 19_456
    var iterations: UInt32 = 2
    var parallelism: UInt32 = 1
}

/// libargon2 called on the thread one is on; a hash takes tens of milliseconds, see ``PasswordHasher``.
///
/// Hashes are PHC strings: `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`.
enum Argon2id {
    static let saltBytes = 16
    static let hashBytes = 32

    /// - Throws: `Argon2Error` where the parameters are refused or the memory can't be had.
    static func hash(
        _ password: String, salt: [UInt8] = randomBytes(saltBytes), _ parameters: Argon2Parameters
    ) throws(Argon2Error) -> String {
        let capacity = argon2_encodedlen(
            parameters.iterations, parameters.memoryKiB, parameters.parallelism, UInt32(salt.count),
            UInt32(hashBytes), Argon2_id)
        var encoded = [CChar](repeating: 0, count: capacity)
        let bytes = Array(password.utf8)
        let code = argon2id_hash_encoded(
            parameters.iterations, parameters.memoryKiB, parameters.parallelism, bytes, bytes.count, salt,
            salt.count, hashBytes, &encoded, capacity)
        guard code == ARGON2_OK.rawValue else { throw Argon2Error(code: code) }
        return String(decoding: encoded.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Whether the password is the one that was hashed, compared in constant time.
    ///
    /// - Throws: `Argon2Error` where the stored text is no hash or the memory can't be had.
    static func verify(_ password: String, against encoded: String) throws(Argon2Error) -> Bool {
        let bytes = Array(password.utf8)
        let code = argon2id_verify(encoded, bytes, bytes.count)
        if code == ARGON2_OK.rawValue { return true }
        guard code == ARGON2_VERIFY_MISMATCH.rawValue else { throw Argon2Error(code: code) }
        return false
    }

    /// What a stored hash cost; nil where the text is no Argon2id hash of version 1.3.
    static func parameters(of encoded: String) -> Argon2Parameters? {
        let parts = encoded.split(byte: "$")
        guard parts.count == 5, parts[0] == "argon2id", parts[1] == "v=19" else { return nil }
        var values: [Substring: UInt32] = [:]
        for pair in parts[2].split(byte: ",") {
            let sides = pair.split(byte: "=")
            guard sides.count == 2, let number = UInt32(sides[1]) else { return nil }
            values[sides[0]] = number
        }
        guard let memory = values["m"], let iterations = values["t"], let lanes = values["p"] else {
            return nil
        }
        return Argon2Parameters(memoryKiB: memory, iterations: iterations, parallelism: lanes)
    }

    /// A hash that no known password has: checking against it costs what checking a real one does.
    static func decoy(_ parameters: Argon2Parameters) -> String {
        func base64(_ bytes: [UInt8]) -> String {
            Data(bytes).base64EncodedString().replacing("=", with: "")
        }
        return
            "$argon2id$v=19$m=\(parameters.memoryKiB),t=\(parameters.iterations),p=\(parameters.parallelism)"
            + "$\(base64(randomBytes(saltBytes)))$\(base64(randomBytes(hashBytes)))"
    }

    static func randomBytes(_ count: Int) -> [UInt8] {
        var source = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &source) }
    }
}

/// What libargon2 refused.
struct Argon2Error: Error, CustomStringConvertible {
    let code: Int32

    var description: String { "argon2: \(String(cString: argon2_error_message(code)))" }
}
