import Foundation

/// The channel handlers that the sources declare.
enum HandlerTypes {
    private static let protocols: Set = [
        "ChannelHandler", "ChannelInboundHandler", "ChannelOutboundHandler", "ChannelDuplexHandler",
        "ByteToMessageDecoder",
        "MessageToByteEncoder", "NIOSingleStepByteToMessageDecoder",
    ]

    static func inSources() throws -> Set<String> {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../..")
            .standardizedFileURL
        var types: Set<String> = []
        for folder in ["internal", "cmd"] {
            let files = FileManager.default.enumerator(
                at: root.appending(path: folder), includingPropertiesForKeys: nil)
            for case let file as URL in files ?? .init() where isSource(file) {
                types.formUnion(declared(in: try String(contentsOf: file, encoding: .utf8)))
            }
        }
        return types
    }

    static func declared(in source: String) -> [String] {
        let declaration = #/(?:class|struct|enum|actor|extension)\s+(\w+)(?:<[^{:]*>)?\s*:([^{]*)\{/#
        return source.matches(of: declaration).filter { match in
            let names = match.2.split { !$0.isLetter && !$0.isNumber && $0 != "_" }
            return names.contains { protocols.contains(String($0)) }
        }.map { String($0.1) }
    }

    private static func isSource(_ file: URL) -> Bool {
        file.pathExtension == "swift"
            && !file.pathComponents.contains { ["tests", "testing", "rpc-testing"].contains($0) }
    }
}
