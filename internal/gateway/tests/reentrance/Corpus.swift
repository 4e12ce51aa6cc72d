import Foundation
import NIOCore

/// Byte streams of clients and services, one a file; `scripts/fuzz` mutates the same ones.
enum Corpus {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "../../../../scripts/lib/fuzz/corpus").standardizedFileURL

    /// All names, sorted.
    static let names: [String] = {
        let files = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
        return (files ?? []).filter { $0.hasSuffix(".bin") }.map { String($0.dropLast(4)) }.sorted()
    }()

    static let clients = names.filter { !$0.hasPrefix("service-") }
    static let services = names.filter { $0.hasPrefix("service-") }

    static func bytes(_ name: String) throws -> ByteBuffer {
        ByteBuffer(bytes: try Data(contentsOf: folder.appending(path: "\(name).bin")))
    }
}
