import Foundation
import Logging
import Synchronization
import Testing
import Tracing

@testable import SoukLogger

private final class Lines: LogSink {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }
    func write(_ line: [UInt8]) { lines.withLock { $0.append(String(decoding: line, as: UTF8.self)) } }
}

private struct Failure: Error {}

private func logger(_ format: LogFormat, to lines: Lines, provider: Logger.MetadataProvider? = nil) -> Logger
{
    Logger(label: "souk.test") { label in
        SoukLogHandler(
            label: label, level: .debug, format: format, service: "order", sink: lines,
            metadataProvider: provider)
    }
}

private func object(_ line: String) throws -> [String: Any] {
    try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
}

@Suite struct JSONLogTests {
    private let lines = Lines()

    @Test func writesOneObjectPerLine() throws {
        var log = logger(.json, to: lines, provider: .init { ["trace_id": "abc"] })
        log[metadataKey: "request_id"] = "r1"
        log.info("paid", metadata: ["order": "o1", "lines": [["sku": "A", "n": "\(2)"], "x"]])
        log.trace("below the level")
        #expect(lines.all.count == 1)
        let line = try #require(lines.all.first)
        #expect(line.hasSuffix("}\n"))
        let members = try object(line)
        #expect(members["level"] as? String == "info")
        #expect(members["service"] as? String == "order")
        #expect(members["logger"] as? String == "souk.test")
        #expect(members["message"] as? String == "paid")
        #expect(members["trace_id"] as? String == "abc")
        #expect(members["request_id"] as? String == "r1")
        #expect(members["order"] as? String == "o1")
        #expect((members["lines"] as? [Any])?.first as? [String: String] == ["sku": "A", "n": "2"])
        let time = try #require(members["time"] as? String)
        #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/) != nil)
    }

    @Test func nothingInjectsALine() throws {
        let evil = "a\n{\"level\":\"info\"}\r\u{2028}\u{0}\u{1B}[2J\u{7F}\u{85}\u{202E}\"\\é🙂"
        let log = logger(.json, to: lines)
        log.info("\(evil)", metadata: [evil: "\(evil)", "list": [.string(evil)]])
        let line = try #require(lines.all.first)
        #expect(line.dropLast().allSatisfy { !$0.isNewline })
        #expect(
            !line.unicodeScalars.dropLast().contains { $0.value < 0x20 || (0x7f...0x9f).contains($0.value) })
        let members = try object(line)
        #expect(members["message"] as? String == evil)
        #expect(members[evil] as? String == evil)
    }

    @Test func reservedKeysAreNotOverwritten() throws {
        logger(.json, to: lines).info("m", metadata: ["level": "fake", "time": "never", "message": "x"])
        let members = try object(try #require(lines.all.first))
        #expect(members["level"] as? String == "info")
        #expect(members["meta_level"] as? String == "fake")
        #expect(members["meta_time"] as? String == "never")
        #expect(members["message"] as? String == "m")
    }

    @Test func errorsStandInTheLine() throws {
        logger(.json, to: lines).error("broken", error: Failure())
        let line = try #require(lines.all.first)
        #expect(try object(line)["error"] as? String == "Failure()")
    }

    @Test func longTextIsCut() throws {
        logger(.json, to: lines).info("\(String(repeating: "x", count: 100_000))")
        let line = try #require(lines.all.first)
        let message = try #require(try object(line)["message"] as? String)
        #expect(message.count < 17_000)
        #expect(message.hasSuffix("…"))
    }
}

@Suite struct TextLogTests {
    private let lines = Lines()

    @Test func writesForPeople() throws {
        logger(.text, to: lines).warning(
            "slow query", metadata: ["ms": "12", "sql": "SELECT 1", "empty": ""])
        let line = try #require(lines.all.first)
        #expect(line.hasSuffix(" WARNING  souk.test slow query empty=\"\" ms=12 sql=\"SELECT 1\"\n"))
    }

    @Test func nothingInjectsALine() throws {
        logger(.text, to: lines).info("a\nb\u{1B}[31m", metadata: ["k\n": "v\r\n"])
        let line = try #require(lines.all.first)
        #expect(line.hasSuffix(#" a\nb\u001b[31m k\n="v\r\n""# + "\n"))
    }
}

@Suite struct RedactionTests {
    @Test(arguments: [
        "password", "Password", "password_hash", "db.password", "token", "refresh_token", "accessToken",
        "cart-token",
        "client_secret", "Authorization", "proxy-authorization", "Set-Cookie", "cookies", "card",
        "cardNumber",
        "card_number", "CVV", "api_key", "apiKey", "private-key", "credentials",
    ])
    func hidesSecrets(_ key: String) {
        #expect(Redaction.apply(to: [key: "s3cret"]) == [key: "<redacted>"])
    }

    @Test(arguments: [
        "order_id", "discarded", "cardinality", "path", "idempotency_key", "panel", "key", "user",
    ])
    func leavesOthers(_ key: String) {
        #expect(Redaction.apply(to: [key: "value"]) == [key: "value"])
    }

    @Test func looksInside() {
        let metadata: Logger.Metadata = [
            "headers": ["cookie": "s3cret", "accept": "x"], "all": [["password": "s3cret"]],
        ]
        #expect(
            Redaction.apply(to: metadata)
                == ["headers": ["cookie": "<redacted>", "accept": "x"], "all": [["password": "<redacted>"]]])
    }

    @Test func coversEverySource() {
        let lines = Lines()
        var log = logger(.json, to: lines, provider: .init { ["session_token": "s3cret"] })
        log[metadataKey: "authorization"] = "s3cret"
        log.info("m", metadata: ["password": "s3cret"])
        #expect(lines.all.count == 1)
        #expect(!lines.all.joined().contains("s3cret"))
    }
}

@Suite struct LogTimeTests {
    @Test func isRFC3339() {
        #expect(LogTime(seconds: 0, nanoseconds: 1_999).rfc3339 == "1970-01-01T00:00:00.000001Z")
        #expect(
            LogTime(seconds: 1_772_319_599, nanoseconds: 250_000_000).rfc3339 == "2026-02-28T22:59:59.250000Z"
        )
    }
}
