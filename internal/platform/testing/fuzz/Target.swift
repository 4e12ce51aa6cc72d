import Foundation
import Glibc

/// A listener that is attacked, and the process that holds it.
struct Target {
    enum Kind: String, CaseIterable {
        case http, tls, grpc

        /// The names with which the files begin that suit it.
        var families: [String] {
            switch self {
            case .http: ["http1", "http2", "websocket"]
            case .tls: ["tls"]
            case .grpc: ["grpc", "http2"]
            }
        }

        /// The file that a healthy listener answers, and how its answer begins.
        var probe: (file: String, answer: [UInt8]) {
            switch self {
            case .http: ("http1-get.bin", Array("HTTP/1.1 200 ".utf8))
            case .tls: ("tls-hello.bin", [0x16, 3])
            // A SETTINGS frame.
            case .grpc: ("grpc-unary.bin", [0, 0])
            }
        }
    }

    let name: String
    let kind: Kind
    let port: UInt16
    let pid: Int32
    /// How often it is chosen, beside the others' weights.
    let weight: Int
    private let startTime: String
    private let probe: [UInt8]

    /// - Parameter text: `name:kind:port:pid:weight`.
    /// - Throws: where it is not of that form, or there is no such process.
    init(_ text: String, corpus: URL) throws {
        let parts = text.components(separatedBy: ":")
        guard parts.count == 5, let kind = Kind(rawValue: parts[1]), let port = UInt16(parts[2]),
            let pid = Int32(parts[3]),
            let weight = Int(parts[4]), weight > 0
        else { throw FuzzError("'\(text)' is not of the form name:http|tls|grpc:port:pid:weight") }
        guard let startTime = Self.startTime(pid) else {
            throw FuzzError("\(text): there is no process \(pid)")
        }
        (name, self.kind, self.port, self.pid, self.weight) = (parts[0], kind, port, pid, weight)
        self.startTime = startTime
        probe = Array(try Data(contentsOf: corpus.appending(path: kind.probe.file)))
    }

    static func pick(_ targets: [Target], _ random: inout SeededRandom) -> Int {
        var rest = random.below(targets.reduce(0) { $0 + $1.weight })
        for (index, target) in targets.enumerated() {
            rest -= target.weight
            if rest < 0 { return index }
        }
        return 0
    }

    /// Whether it is still the process that it was.
    var isAlive: Bool { Self.startTime(pid) == startTime }

    /// Nil while a healthy request is answered; otherwise what happened instead.
    func fault(withinSeconds seconds: Int = 10) -> String? {
        guard let descriptor = Socket.connected(to: port, seconds: seconds) else {
            return "takes no connection"
        }
        defer { close(descriptor) }
        guard Socket.sendAll(descriptor, probe) else { return "does not take a request" }
        let expected = kind.probe.answer
        let answer = Socket.receive(descriptor, atLeast: expected.count)
        guard answer.starts(with: expected) else {
            return answer.isEmpty
                ? "does not answer a request"
                : "answers \(String(decoding: answer.prefix(60), as: UTF8.self))"
        }
        return nil
    }

    /// In ticks since boot; nil for a process that has ended, also where nobody has collected it.
    private static func startTime(_ pid: Int32) -> String? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: end)...].components(separatedBy: " ").filter { !$0.isEmpty }
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return fields[19]
    }
}
