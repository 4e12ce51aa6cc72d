import Crypto
import Foundation

/// Signatures for tokens that the product itself would not make.
enum Curve25519Signer {
    static func sign(_ bytes: Data, _ privateKey: Data) throws -> Data {
        try Curve25519.Signing.PrivateKey(rawRepresentation: privateKey).signature(for: bytes)
    }
}
