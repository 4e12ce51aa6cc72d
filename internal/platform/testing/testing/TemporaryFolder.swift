import Foundation

/// A new, empty folder that is removed with everything in it when the last reference goes.
package final class TemporaryFolder: Sendable {
    /// The folder itself.
    package let path: String

    /// - Throws: Where the folder cannot be made.
    package init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(
            "souk-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
        path = url.path
    }

    deinit {
        // What cannot be removed is the temporary directory's to clean.
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The path of a file in the folder.
    package func path(_ name: String) -> String {
        "\(path)/\(name)"
    }
}
