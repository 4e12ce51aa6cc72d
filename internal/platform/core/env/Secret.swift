/// A value that never shows itself in logs, error texts or a debugger's dump.
package struct Secret<Value: Sendable>: Sendable {
    private let value: Value

    /// Hides `value`.
    package init(_ value: Value) {
        self.value = value
    }

    /// The value itself. Hand it straight to whoever needs it; don't keep it elsewhere.
    package func reveal() -> Value { value }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// `<redacted>`.
    package var description: String { "<redacted>" }
    /// `<redacted>`.
    package var debugDescription: String { "<redacted>" }
    /// A mirror without children.
    package var customMirror: Mirror { Mirror(self, children: []) }
}
