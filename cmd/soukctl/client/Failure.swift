import SoukText

/// Why a command stops: one line for people, and the exit status.
struct Failure: Error, CustomStringConvertible {
    /// Wrong usage or input.
    static let usage: Int32 = 2

    let description: String
    let status: Int32

    /// It can't be done.
    init(_ text: String, status: Int32 = 1) {
        description = text.printable
        self.status = status
    }
}

extension String {
    /// The text on one line, with everything escaped that shows nothing of its own: what a server says must not drive the terminal.
    var printable: String {
        var result = ""
        for scalar in unicodeScalars {
            if scalar.isHidden {
                result += scalar.escaped(asASCII: true)
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
