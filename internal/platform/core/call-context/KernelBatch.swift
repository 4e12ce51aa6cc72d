/// How many things one call of a kernel may name.
package enum KernelBatch {
    package static let limit = 1_000

    /// What is wrong with naming so many, for logs; nil when nothing is.
    package static func complaint(_ count: Int, _ things: String) -> String? {
        count > limit ? "\(count) \(things) in one call, more than \(limit)" : nil
    }
}
