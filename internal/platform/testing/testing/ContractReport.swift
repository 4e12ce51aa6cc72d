import Foundation
import Synchronization

/// What a run of the contracts of brokers found, as lines of JSON in the file that `SOUK_CONTRACT_REPORT` names;
/// `scripts/brokers` makes docs/brokers.md of it.
package enum ContractReport {
    package enum Outcome: Sendable {
        case kept(messages: Int, duration: Duration)
        case notOffered
        case broken
    }

    private struct Line: Encodable {
        let backend: String
        let promise: String
        let outcome: String
        let messages: Int
        let seconds: Double
    }

    private static let file = Mutex(
        ProcessInfo.processInfo.environment["SOUK_CONTRACT_REPORT"].flatMap { path in
            FileManager.default.createFile(atPath: path, contents: nil)
                ? FileHandle(forWritingAtPath: path) : nil
        })

    /// Does nothing where no report is asked for.
    package static func add(_ backend: String, _ promise: String, _ outcome: Outcome) {
        let line =
            switch outcome {
            case .kept(let messages, let duration):
                Line(
                    backend: backend, promise: promise, outcome: "kept", messages: messages,
                    seconds: duration / .seconds(1))
            case .notOffered:
                Line(backend: backend, promise: promise, outcome: "not offered", messages: 0, seconds: 0)
            case .broken:
                Line(backend: backend, promise: promise, outcome: "broken", messages: 0, seconds: 0)
            }
        file.withLock { file in
            guard let file, let data = try? JSONEncoder().encode(line) else { return }
            // A report that cannot be written is missed by the script that asked for it.
            try? file.write(contentsOf: data + [0x0a])
        }
    }
}
