/// How large a message's head, and its trailer section, may be.
///
/// A bound that is passed is reported as soon as it is passed, however little of the head has come.
package struct HeadLimits: Sendable {
    /// Bytes of the request-target. The rest of a start line may have ``startLineAllowance`` more.
    package var maxTargetBytes: Int
    /// Bytes of all field lines together: names, colons, values and the white space around values, without
    /// CRLFs.
    package var maxFieldBytes: Int
    /// Field lines.
    package var maxFields: Int

    /// Negative values count as zero; values above 16 MiB (bytes) or a million (lines) count as those.
    package init(maxTargetBytes: Int = 8 << 10, maxFieldBytes: Int = 16 << 10, maxFields: Int = 100) {
        self.maxTargetBytes = maxTargetBytes
        self.maxFieldBytes = maxFieldBytes
        self.maxFields = maxFields
    }

    /// Bytes of a whole head that are never exceeded: start line, field lines, and a CRLF for each and for
    /// the empty line.
    package var maxHeadBytes: Int {
        let limits = clamped
        return limits.maxStartLineBytes + limits.maxFieldBytes + 2 * (limits.maxFields + 2)
    }

    /// Room for a method of ``maxMethodBytes``, two spaces and the version.
    static let startLineAllowance = maxMethodBytes + 10
    static let maxMethodBytes = 32

    var maxStartLineBytes: Int { maxTargetBytes + Self.startLineAllowance }

    /// Offsets are 32 bits wide: no limit may let one overflow.
    var clamped: HeadLimits {
        HeadLimits(
            maxTargetBytes: max(0, min(maxTargetBytes, 16 << 20)),
            maxFieldBytes: max(0, min(maxFieldBytes, 16 << 20)),
            maxFields: max(0, min(maxFields, 1_000_000)))
    }
}
