import Foundation

/// The byte streams that all others are made of, by protocol.
struct Corpus {
    let all: [[UInt8]]
    private let families: [String: [Int]]

    /// - Parameter folder: files named `<protocol>-<what>.bin`.
    /// - Throws: where there are none, or one can't be read.
    init(folder: URL) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix(".bin") && !$0.hasPrefix("service-") }.sorted()
        guard !names.isEmpty else { throw FuzzError("\(folder.path) has no .bin files") }
        all = try names.map { Array(try Data(contentsOf: folder.appending(path: $0))) }
        families = Dictionary(grouping: names.indices) { index in
            String(names[index].prefix { $0 != "-" })
        }
    }

    /// One of the streams that a listener of this kind expects; of all, in one of ten cases.
    func pick(for kind: Target.Kind, _ random: inout SeededRandom) -> [UInt8] {
        let expected = random.happens(10) ? [] : kind.families.flatMap { families[$0] ?? [] }
        return expected.isEmpty ? all[random.below(all.count)] : all[expected[random.below(expected.count)]]
    }
}

struct FuzzError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
