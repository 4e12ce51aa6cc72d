import NIOCore
import SoukHTTPWire

extension RequestHead {
    /// The path's bytes, without the query.
    func withPath<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        with(pathStart, pathLength, body)
    }

    func withName<Result>(_ field: HeadField, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        with(field.nameStart, field.nameLength, body)
    }

    func withValue<Result>(_ field: HeadField, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        with(field.valueStart, field.valueLength, body)
    }

    /// Whether the target is in absolute form.
    var isAbsolute: Bool { originStart != targetStart }

    /// The method as it was sent.
    var methodText: String {
        method == .other ? with(0, methodLength) { String(decoding: $0, as: UTF8.self) } : method.name
    }

    private func with<Result>(_ start: Int32, _ length: Int32, _ body: (UnsafeRawBufferPointer) -> Result)
        -> Result
    {
        bytes.withUnsafeReadableBytes {
            body(UnsafeRawBufferPointer(rebasing: $0[Int(start)..<Int(start) + Int(length)]))
        }
    }
}
