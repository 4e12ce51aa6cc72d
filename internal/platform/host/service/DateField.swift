import Glibc
import Synchronization

/// The `Date` field of responses (RFC 9110, section 5.6.7), made once a second.
final class DateField: Sendable {
    private let last = Mutex<(second: time_t, text: String)>((-1, ""))

    var value: String {
        let now = time(nil)
        return last.withLock { last in
            if last.second != now { last = (now, Self.text(now)) }
            return last.text
        }
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`; the process has the C locale, in which names are English.
    static func text(_ second: time_t) -> String {
        var (second, parts) = (second, tm())
        gmtime_r(&second, &parts)
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { text in
            guard let start = text.baseAddress,
                strftime(start, text.count, "%a, %d %b %Y %H:%M:%S GMT", &parts) > 0
            else { return "" }
            return String(cString: start)
        }
    }
}
