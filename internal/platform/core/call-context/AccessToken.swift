/// An access token that has been verified, to be passed on as the proof of its user's authority.
///
/// Its text shows in no log: descriptions and mirrors of it, and of whatever holds it, leave it out.
package struct AccessToken: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    private let text: String

    package init(_ text: String) {
        self.text = text
    }

    /// The token itself.
    package func reveal() -> String { text }

    package var description: String { "<access token>" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
