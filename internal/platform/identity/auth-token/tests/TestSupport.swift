import Foundation
import SoukCallContext
import SoukIDs
import SoukTime
import Synchronization
import Testing

@testable import SoukAuthToken

/// Shows the time it was given.
final class FixedClock: WallClock {
    private let time: Mutex<Timestamp>

    init(_ time: Timestamp = Timestamp(microseconds: 1_800_000_000_500_000)) {
        self.time = Mutex(time)
    }

    func now() -> Timestamp { time.withLock { $0 } }

    func set(_ time: Timestamp) { self.time.withLock { $0 = time } }

    func sleep(for duration: Duration) async throws {
        Issue.record("nothing here sleeps")
    }
}

func claims(at clock: FixedClock, lasting duration: Duration = .seconds(900)) -> AccessClaims {
    AccessClaims(
        userID: UserID(), roles: [.vendor, .customer], sessionID: "session-1", issuedAt: clock.now(),
        expiresAt: clock.now() + duration)
}

/// The token taken apart as JSON, for attackers to change.
struct Forgery {
    var header: [String: Any]
    var payload: [String: Any]
    var signature: [UInt8]

    init(_ token: String) throws {
        let parts = token.split(separator: ".")
        header = try Self.object(parts[0])
        payload = try Self.object(parts[1])
        signature = try #require(Base64URL.decode(parts[2]))
    }

    var signingInput: String {
        get throws { "\(try Self.encode(header)).\(try Self.encode(payload))" }
    }

    /// The changed parts with the old signature.
    var token: String {
        get throws { "\(try signingInput).\(Base64URL.encode(signature))" }
    }

    /// The changed parts, signed anew.
    func signed(by key: TokenKey) throws -> String {
        let input = try signingInput
        return "\(input).\(Base64URL.encode(try key.sign([UInt8](input.utf8))))"
    }

    private static func object(_ part: Substring) throws -> [String: Any] {
        let bytes = try #require(Base64URL.decode(part))
        return try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    }

    private static func encode(_ object: [String: Any]) throws -> String {
        Base64URL.encode(try JSONSerialization.data(withJSONObject: object, options: .sortedKeys))
    }
}

/// A folder that goes away with the test.
final class Folder {
    let path = FileManager.default.temporaryDirectory.appending(path: "souk-keys-\(UUID())").path

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path + "/" + name))
    }

    func mode(_ name: String = "") throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path + "/" + name)[.posixPermissions] as? Int
    }
}
