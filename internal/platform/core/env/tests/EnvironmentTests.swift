import Foundation
import Testing

@testable import SoukEnv

/// A folder that goes away with the test.
private final class Folder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "souk-env-\(UUID())").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String) throws -> String {
        let file = path + "/" + name
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        return file
    }
}

private enum Backend: String, CaseIterable {
    case sqlite, postgres
}

private func problem(_ body: () throws -> Any) -> String {
    do {
        return "returned \(try body())"
    } catch {
        return "\(error)"
    }
}

@Suite struct EnvironmentTests {
    private let environment = Environment(values: [
        "NAME": "souk", "EMPTY": "", "PORT": "8080", "BAD": "abc", "ON": "Yes", "OFF": "0",
        "LIST": " a, ,b,c ",
        "URL": "http://host:8101/x", "BACKEND": "postgres",
    ])

    @Test func readsStrings() throws {
        #expect(try environment.string("NAME") == "souk")
        #expect(try environment.string("NONE", default: "x") == "x")
        #expect(try environment.string("EMPTY", default: "x") == "x")
        #expect(try environment.optionalString("NONE") == nil)
        #expect(problem { try environment.string("NONE") } == "NONE: is not set")
        #expect(problem { try environment.string("EMPTY") } == "EMPTY: is not set")
    }

    @Test func readsNumbers() throws {
        #expect(try environment.int("PORT", default: 1, in: 0...65_535) == 8_080)
        #expect(try environment.int("NONE", default: 1) == 1)
        #expect(
            problem { try environment.int("BAD", default: 1, in: 0...65_535) }
                == "BAD: 'abc' is not a whole number from 0 to 65535")
        #expect(problem { try environment.int("BAD", default: 1) } == "BAD: 'abc' is not a whole number")
        #expect(
            problem { try environment.int("PORT", default: 1, in: 0...80) }
                == "PORT: '8080' is not a whole number from 0 to 80")
    }

    @Test func readsFlagsListsAndChoices() throws {
        #expect(try environment.bool("ON", default: false))
        #expect(try !environment.bool("OFF", default: true))
        #expect(try environment.bool("NONE", default: true))
        #expect(
            problem { try environment.bool("BAD", default: true) } == "BAD: 'abc' is neither true nor false")
        #expect(try environment.list("LIST") == ["a", "b", "c"])
        #expect(try environment.list("NONE").isEmpty)
        #expect(try environment.choice("BACKEND", default: Backend.sqlite) == .postgres)
        #expect(try environment.choice("NONE", default: Backend.sqlite) == .sqlite)
        #expect(
            problem { try environment.choice("BAD", default: Backend.sqlite) }
                == "BAD: 'abc' is none of sqlite, postgres")
    }

    @Test func readsURLsWithoutQuotingThem() throws {
        #expect(try environment.url("URL", default: "http://x").port == 8_101)
        #expect(try environment.url("NONE", default: "http://x").host() == "x")
        #expect(try environment.optionalURL("NONE") == nil)
        #expect(
            problem { try environment.url("BAD", default: "http://x") }
                == "BAD: is not a URL such as http://host:8080")
    }

    @Test(arguments: [
        ("250ms", Duration.milliseconds(250)), ("30s", .seconds(30)), ("15m", .seconds(900)),
        ("24h", .seconds(86_400)),
        ("7d", .seconds(604_800)), ("0s", .zero),
    ])
    func readsDurations(_ text: String, _ expected: Duration) throws {
        #expect(try Environment(values: ["T": text]).duration("T", default: .zero) == expected)
    }

    @Test(arguments: ["30", "s", "-1s", "1.5s", "1 s", "1w", "9223372036854775807d", "99999999999999999999s"])
    func refusesOtherDurations(_ text: String) {
        #expect(throws: ConfigurationError.self) {
            try Environment(values: ["T": text]).duration("T", default: .zero)
        }
    }

    @Test func filesHoldValues() throws {
        let folder = try Folder()
        let file = try folder.write("secret", "s3cret\r\n\n")
        let port = try folder.write("port", "99\n")
        let environment = Environment(values: ["KEY_FILE": file, "PORT_FILE": port, "GONE_FILE": "/nowhere"])
        #expect(try environment.secret("KEY")?.reveal() == "s3cret")
        #expect(try environment.int("PORT", default: 1) == 99)
        #expect(try environment.secret("NONE") == nil)
        #expect(problem { try environment.string("GONE") } == "GONE_FILE: the file '/nowhere' does not exist")
        let both = Environment(values: ["KEY": "x", "KEY_FILE": file])
        #expect(
            problem { try both.string("KEY") } == "KEY: is set, and so is KEY_FILE; only one of them can be")
    }

    @Test func processWinsOverFile() throws {
        let folder = try Folder()
        let file = try folder.write(".env", "A=file\nB=file\nC_FILE=/nowhere\n")
        let environment = try Environment.load(process: ["A": "process", "C": "process"], dotEnv: file)
        #expect(try environment.string("A") == "process")
        #expect(try environment.string("B") == "file")
        #expect(try environment.string("C") == "process")
    }

    @Test func fileNeedNotExist() throws {
        #expect(try Environment.load(process: ["A": "x"], dotEnv: "/nowhere/.env").string("A") == "x")
        #expect(try Environment.load(process: ["A": "x"], dotEnv: nil).string("A") == "x")
        #expect(try Environment.load(dotEnv: nil).optionalString("PATH") != nil)
    }
}

@Suite struct DotEnvTests {
    @Test func readsEveryForm() throws {
        let text = """
            \u{FEFF}# settings
            PLAIN=value
              export  EXPORTED = spaced out   # comment
            HASH=a#b
            ONLY_COMMENT= # nothing
            SINGLE='raw \\n $X "quoted" # no comment' # comment
            DOUBLE="line\\nnext\\t\\"q\\" \\\\ \\$X"

            EMPTY=
            URL=postgres://u:p@host/db?x=1
            PLAIN=last\r
            exported=lower
            """
        let values = try DotEnv.parse(text, file: ".env")
        #expect(
            values == [
                "PLAIN": "last", "EXPORTED": "spaced out", "HASH": "a#b", "ONLY_COMMENT": "",
                "SINGLE": "raw \\n $X \"quoted\" # no comment", "DOUBLE": "line\nnext\t\"q\" \\ $X",
                "EMPTY": "",
                "URL": "postgres://u:p@host/db?x=1", "exported": "lower",
            ])
    }

    @Test(arguments: [
        ("A=1\nnonsense s3cret", ".env line 2: expected KEY=VALUE"),
        ("1A=s3cret", ".env line 1: the name before '='"),
        ("=s3cret", ".env line 1: the name before '='"),
        ("A B=s3cret", ".env line 1: the name before '='"),
        ("A='s3cret", ".env line 1: the closing quote is missing"),
        ("A=\"s3cret\" more", ".env line 1: there is text after the closing quote"),
        ("A=\"s3cret\\x\"", ".env line 1: a '\\'"),
    ])
    func namesTheLineAndNeverQuotesIt(_ text: String, _ start: String) {
        let description = problem { try DotEnv.parse(text, file: ".env") }
        #expect(description.hasPrefix(start))
        #expect(!description.contains("s3cret"))
    }
}

@Suite struct SecretTests {
    @Test func neverShowsItself() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump(secret, to: &dumped)
        for text in [
            "\(secret)", String(reflecting: secret), String(describing: [secret]), dumped,
            "\(Optional(secret) as Any)",
        ] {
            #expect(!text.contains("hunter2"))
        }
        #expect("\(secret)" == "<redacted>")
        #expect(secret.reveal() == "hunter2")
    }
}
