package import Logging

/// Joins what logger, provider and call site have to say, hides secrets, and writes the line.
package struct SoukLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?

    private let label: String
    private let formatter: LineFormatter
    private let sink: any LogSink

    /// A handler that writes lines of `format` to `sink`.
    package init(
        label: String, level: Logger.Level, format: LogFormat, service: String, sink: any LogSink,
        metadataProvider: Logger.MetadataProvider? = .trace
    ) {
        self.init(
            label: label, level: level,
            formatter: LineFormatter(format: format, service: service, isTerminal: false), sink: sink,
            metadataProvider: metadataProvider)
    }

    init(
        label: String, level: Logger.Level, formatter: LineFormatter, sink: any LogSink,
        metadataProvider: Logger.MetadataProvider?
    ) {
        self.label = label
        self.logLevel = level
        self.formatter = formatter
        self.sink = sink
        self.metadataProvider = metadataProvider
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var joined = metadata
        if let provided = metadataProvider?.get(), !provided.isEmpty {
            joined.merge(provided) { _, new in new }
        }
        if let own = event.metadata {
            joined.merge(own) { _, new in new }
        }
        if let error = event.error {
            joined["error"] = .string(String(describing: error))
        }
        sink.write(
            formatter.line(
                level: event.level, label: label, message: event.message.description,
                metadata: Redaction.apply(to: joined), at: LogTime.now()))
    }
}
