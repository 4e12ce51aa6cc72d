import Foundation
import SoukText

/// Questions to the person at the terminal, whatever standard input and output are.
enum Terminal {
    /// Asks for a line.
    ///
    /// - Parameter echo: Whether what is typed can be seen.
    /// - Returns: Nil when there is no terminal, or no answer.
    static func ask(_ question: String, echo: Bool = true) -> String? {
        guard let terminal = fopen("/dev/tty", "r+") else { return nil }
        defer { fclose(terminal) }
        let descriptor = fileno(terminal)
        var settings = termios()
        guard echo || tcgetattr(descriptor, &settings) == 0 else { return nil }
        if !echo {
            var silent = settings
            // Without signals, nothing ends the process while the terminal is silent.
            silent.c_lflag &= ~tcflag_t(ECHO | ISIG)
            guard tcsetattr(descriptor, TCSAFLUSH, &silent) == 0 else { return nil }
        }
        defer {
            if !echo {
                tcsetattr(descriptor, TCSAFLUSH, &settings)
                fputs("\n", terminal)
            }
        }
        // Only now: whoever types as soon as the question stands must not be seen.
        fputs(question, terminal)
        fflush(terminal)
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        guard getline(&line, &capacity, terminal) > 0, let line else { return nil }
        let text = String(String(cString: line).trimmingLineEnd())
        // Control-C, which is a character here.
        return text.contains(byte: "\u{3}") ? nil : text
    }
}
