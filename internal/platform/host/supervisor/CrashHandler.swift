import CProcess
import Glibc

/// Describes a crash of this process while it happens: signal, address and return addresses, in a few milliseconds.
///
/// Handlers use what is safe in a signal handler only: no allocation, no lock. Names of functions are left to tools that have
/// the time, such as llvm-symbolizer. A stack overflow is not described, as there is no stack to do so.
enum CrashHandler {
    static let signals = [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV]

    /// - Parameter file: where to; nil for standard error. It is made when a crash happens, and its directory, for their owner alone.
    static func install(file: String?) {
        if let file, let end = file.utf8.lastIndex(of: UInt8(ascii: "/")) {
            crashFile = UnsafePointer(strdup(file))
            crashDirectory = UnsafePointer(strdup(String(file[..<end])))
        }
        // The first call loads what it needs, which is too late during a crash.
        var frame: UnsafeMutableRawPointer?
        backtrace(&frame, 1)
        var action = sigaction()
        action.__sigaction_handler.sa_sigaction = { signal, info, _ in describe(signal, info) }
        action.sa_flags = SA_SIGINFO | Int32(bitPattern: UInt32(SA_RESETHAND))
        for signal in signals { sigaction(signal, &action, nil) }
    }
}

/// Written before the handlers are installed that read them, and never again.
private nonisolated(unsafe) var crashFile: UnsafePointer<CChar>?
private nonisolated(unsafe) var crashDirectory: UnsafePointer<CChar>?

private func describe(_ signal: Int32, _ info: UnsafeMutablePointer<siginfo_t>?) {
    // Whatever hangs from here on, the process ends within a second.
    alarm(1)
    var output: Int32 = 2
    if let crashFile, let crashDirectory {
        mkdir(crashDirectory, 0o700)
        let opened = open(crashFile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        if opened >= 0 { output = opened }
    }
    put("signal ", to: output)
    put(UInt(signal), radix: 10, to: output)
    put(" of process ", to: output)
    put(UInt(getpid()), radix: 10, to: output)
    put(" at 0x", to: output)
    put(UInt(bitPattern: info?.pointee._sifields._sigfault.si_addr), radix: 16, to: output)
    put("\n", to: output)
    withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer?.self, capacity: 128) { frames in
        guard let start = frames.baseAddress else { return }
        backtrace_symbols_fd(start, backtrace(start, Int32(frames.count)), output)
    }
    if output != 2 { close(output) }
    // The handler is reset: this ends the process as soon as the handler returns.
    kill(getpid(), signal)
}

private func put(_ text: StaticString, to output: Int32) {
    _ = write(output, text.utf8Start, text.utf8CodeUnitCount)
}

private func put(_ number: UInt, radix: UInt, to output: Int32) {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
        var (rest, start) = (number, digits.count)
        repeat {
            start -= 1
            let digit = UInt8(rest % radix)
            digits[start] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            rest /= radix
        } while rest > 0
        _ = write(output, digits.baseAddress?.advanced(by: start), digits.count - start)
    }
}
