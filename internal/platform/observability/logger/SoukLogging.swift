import Foundation
package import Logging
import Synchronization

/// How log lines look.
package enum LogFormat: String, CaseIterable, Sendable {
    /// One JSON object per line.
    case json
    /// For people: time, level, logger, message, `key=value`.
    case text
    /// `text` when standard error is a terminal, `json` otherwise.
    case automatic
}

/// Sets up swift-log for a process.
package enum SoukLogging {
    private static let isBootstrapped = Mutex(false)

    /// Sends all loggers to standard error, from `level` up; `service` stands in every JSON line.
    ///
    /// Trace and span id of the task's trace context stand in every line that has one; `metadataProvider`
    /// adds more. Only the first call in a process counts, because swift-log takes only one.
    package static func bootstrap(
        level: Logger.Level, format: LogFormat, service: String,
        metadataProvider: Logger.MetadataProvider? = nil
    ) {
        let isFirst = isBootstrapped.withLock { done in
            defer { done = true }
            return !done
        }
        guard isFirst else { return }
        let provider = Logger.MetadataProvider.multiplex([.trace] + (metadataProvider.map { [$0] } ?? []))
        let formatter = LineFormatter(
            format: format, service: service, isTerminal: isatty(STDERR_FILENO) == 1)
        LoggingSystem.bootstrap(
            { label, provider in
                SoukLogHandler(
                    label: label, level: level, formatter: formatter, sink: StandardErrorSink(),
                    metadataProvider: provider)
            }, metadataProvider: provider)
    }
}

/// Where finished lines go.
package protocol LogSink: Sendable {
    /// Takes one line with its line feed. Must not log, and must be safe from any thread.
    func write(_ line: [UInt8])
}

/// File descriptor 2, one `write(2)` for a line, so that lines of several threads never mix.
struct StandardErrorSink: LogSink {
    func write(_ line: [UInt8]) {
        line.withUnsafeBytes { bytes in
            var rest = bytes[...]
            // More rounds only if the kernel took a part, which it does for pipes that are full.
            while !rest.isEmpty {
                let count = Foundation.write(STDERR_FILENO, rest.baseAddress, rest.count)
                if count > 0 {
                    rest = rest.dropFirst(count)
                } else if count < 0, errno != EINTR {
                    // Nowhere left to report it.
                    return
                }
            }
        }
    }
}

extension Slice<UnsafeRawBufferPointer> {
    fileprivate var baseAddress: UnsafeRawPointer? { UnsafeRawBufferPointer(rebasing: self).baseAddress }
}
