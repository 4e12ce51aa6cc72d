import Crypto
import Foundation
import SoukIDs
import Synchronization

/// Tokens that show that an account has signed in on a device before (OWASP's "device cookies").
///
/// A client that sends one with a log-in is counted for itself, so that nobody's failed guesses can lock it out. A token gives no
/// access: it is `nonce ‖ HMAC-SHA256(key, nonce ‖ account's id)` in base64url, and its nonce names the counter. It is bound to the
/// account and not to the address, which others may claim, too. The key is made once for each database, which all processes of the service share.
final class DeviceTokens: Sendable {
    private static let nonceBytes = 16
    private static let tokenBytes = nonceBytes + SHA256.byteCount
    /// Characters of a token; anything longer is refused unread.
    static let length = (tokenBytes * 4 + 2) / 3

    private let store: any DeviceKeyStore
    private let key = Mutex<SymmetricKey?>(nil)

    init(store: any DeviceKeyStore) {
        self.store = store
    }

    /// A new token for a device on which this user has just signed in.
    func issue(for userID: UserID) async throws -> String {
        let nonce = Array(SymmetricKey(size: .bits128).withUnsafeBytes { Array($0) })
        let code = HMAC<SHA256>.authenticationCode(
            for: Self.message(userID, nonce), using: try await loadKey())
        return Data(nonce + Array(code)).base64URLEncodedString()
    }

    /// The device, and which of these users has signed in on it; nil where the token is not one of ours for any of them.
    func device(of token: String, for users: [UserID]) async throws -> KnownDevice? {
        guard token.utf8.count == Self.length, let bytes = Data(base64URLEncoded: token),
            bytes.count == Self.tokenBytes
        else { return nil }
        let nonce = Array(bytes.prefix(Self.nonceBytes))
        let key = try await loadKey()
        let owner = users.first { userID in
            HMAC<SHA256>.isValidAuthenticationCode(
                bytes.dropFirst(Self.nonceBytes), authenticating: Self.message(userID, nonce), using: key)
        }
        return owner.map {
            KnownDevice(userID: $0, name: Digest.sha256(Data(nonce).base64URLEncodedString()))
        }
    }

    private static func message(_ userID: UserID, _ nonce: [UInt8]) -> [UInt8] {
        // The nonce has a fixed length, so no two pairs give one message.
        nonce + Array(userID.description.utf8)
    }

    private func loadKey() async throws -> SymmetricKey {
        if let known = key.withLock({ $0 }) { return known }
        let loaded = SymmetricKey(
            data: try await store.deviceKey { SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) } })
        key.withLock { $0 = loaded }
        return loaded
    }
}

/// A device on which a user has signed in before.
struct KnownDevice: Sendable, Hashable {
    let userID: UserID
    /// What it is counted under.
    let name: String
}

/// Keeps the key of device tokens.
protocol DeviceKeyStore: Sendable {
    /// The key; the first caller of all processes makes it.
    func deviceKey(_ make: @Sendable () -> [UInt8]) async throws -> [UInt8]
}

extension Data {
    /// base64url without padding (RFC 4648, section 5).
    fileprivate func base64URLEncodedString() -> String {
        let bytes = base64EncodedData().compactMap { byte -> UInt8? in
            switch byte {
            case UInt8(ascii: "+"): UInt8(ascii: "-")
            case UInt8(ascii: "/"): UInt8(ascii: "_")
            case UInt8(ascii: "="): nil
            default: byte
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// nil for text that ``base64URLEncodedString()`` does not write.
    fileprivate init?(base64URLEncoded text: String) {
        var bytes = text.utf8.map { byte -> UInt8 in
            switch byte {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            default: byte
            }
        }
        while bytes.count % 4 != 0 { bytes.append(UInt8(ascii: "=")) }
        guard let data = Data(base64Encoded: Data(bytes)), data.base64URLEncodedString() == text else {
            return nil
        }
        self = data
    }
}
