import Foundation
import SoukAuthToken

/// Reads JWK Sets (RFC 7517, section 5) of others.
enum KeySet {
    private struct Document: Decodable {
        let keys: [Entry]
    }

    /// A key, or what is none of a kind that is known here, which RFC 7517, section 5, says to ignore.
    private struct Entry: Decodable {
        let key: PublicJWK?

        init(from decoder: any Decoder) throws {
            key = try? PublicJWK(from: decoder)
        }
    }

    /// The public RSA and Ed25519 keys for signatures. Symmetric keys have no business in a public document and are
    /// never taken; of two with one name the first is.
    ///
    /// - Throws: ``KeySetError`` when the text is no JWK Set.
    static func keys(from json: [UInt8], atMost limit: Int) async throws(KeySetError) -> [TokenKey] {
        guard let document = try? JSONDecoder().decode(Document.self, from: Data(json)) else {
            throw KeySetError("the answer is no JWK Set")
        }
        var keys: [TokenKey] = []
        for key in document.keys.prefix(limit).compactMap(\.key) {
            guard key.use == "sig", ["RSA", "OKP"].contains(key.kty),
                !keys.contains(where: { $0.kid == key.kid }),
                // Written anew from the public members only.
                let publicPart = try? JSONEncoder().encode(key),
                let usable = try? await TokenKey.jwk(
                    kid: key.kid, json: String(decoding: publicPart, as: UTF8.self)),
                !usable.canSign
            else { continue }
            keys.append(usable)
        }
        return keys
    }
}

/// Why an answer is no set of keys.
struct KeySetError: Error, Hashable, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
