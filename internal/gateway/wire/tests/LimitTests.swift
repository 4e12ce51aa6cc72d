import NIOCore
import SoukHTTPWire
import Testing

@Suite struct LimitTests {
    private let limits = HeadLimits(maxTargetBytes: 20, maxFieldBytes: 40, maxFields: 3)

    private func request(target: Int = 1, fields: [String] = []) -> String {
        "GET /\(String(repeating: "a", count: target - 1)) HTTP/1.1\r\n"
            + (["Host: a"] + fields).map { "\($0)\r\n" }.joined() + "\r\n"
    }

    private func isTaken(_ outcome: Outcome) -> Bool {
        if case .success(.some) = outcome { true } else { false }
    }

    @Test func targets() {
        #expect(isTaken(requestOutcome(request(target: 20), limits: limits)))
        for target in [21, 22, 40, 100, 5000] {
            #expect(
                requestOutcome(request(target: target), limits: limits) == .failure(.targetTooLong),
                "\(target)")
        }
    }

    /// `Host: a` has 7 bytes, which leaves 33.
    @Test func fieldBytes() {
        for (name, padding) in [("B:", ""), ("B:", "          "), ("B", ":")] {
            let start = name + padding
            let fits = start + String(repeating: "b", count: 33 - start.utf8.count)
            guard fits.contains(":") else { continue }
            #expect(isTaken(requestOutcome(request(fields: [fits]), limits: limits)))
            #expect(
                requestOutcome(request(fields: [fits + "b"]), limits: limits) == .failure(.fieldsTooLarge))
        }
        let halves = ["B: \(String(repeating: "b", count: 13))", "C: \(String(repeating: "c", count: 14))"]
        #expect(isTaken(requestOutcome(request(fields: halves), limits: limits)))
        #expect(
            requestOutcome(request(fields: [halves[0], halves[1] + "c"]), limits: limits)
                == .failure(.fieldsTooLarge))
    }

    @Test func fieldCount() {
        #expect(isTaken(requestOutcome(request(fields: ["a:", "b:"]), limits: limits)))
        #expect(
            requestOutcome(request(fields: ["a:", "b:", "c:"]), limits: limits) == .failure(.fieldsTooLarge))
        #expect(isTaken(requestOutcome(request(fields: (2...100).map { "x\($0): y" }))))
        #expect(
            requestOutcome(request(fields: (2...101).map { "x\($0): y" })) == .failure(.fieldsTooLarge))
    }

    /// A head that never ends is refused when the bound is passed, and was never held longer than that.
    @Test(arguments: [
        ("GET /", "a", WireError.targetTooLong), ("G", "G", .targetTooLong),
        ("GET / HTTP/1.1\r\nA: ", "b", .fieldsTooLarge), ("GET / HTTP/1.1\r\nA", "b", .fieldsTooLarge),
        ("GET / HTTP/1.1\r\n", "a:b\r\n", .fieldsTooLarge), ("GET / HTTP/1.1\r\n", "\r", .fieldsTooLarge),
    ])
    func endlessHeads(_ start: String, _ more: String, _ expected: WireError) throws {
        var parser = RequestParser(limits: limits)
        var buffer = ByteBuffer(string: start)
        #expect(throws: expected) {
            while buffer.readableBytes < 1 << 20 {
                _ = try parser.parse(&buffer)
                buffer.writeString(more)
            }
        }
        #expect(buffer.readableBytes <= limits.maxHeadBytes)
    }

    /// Bytes are searched for a line's end once, so a slow sender costs no more than a fast one. An LF that
    /// is put among the searched ones, which no caller may do, goes unnoticed until the line is complete.
    @Test(arguments: ["GET /", "GET / HTTP/1.1\r\nHost: a\r\nA: "])
    func searchesNoByteTwice(_ start: String) throws {
        var parser = RequestParser(limits: HeadLimits())
        var buffer = ByteBuffer(string: start + "aaaa")
        #expect(try parser.parse(&buffer) == nil)
        buffer.setString("\n", at: buffer.writerIndex - 2)
        buffer.writeString("a")
        #expect(try parser.parse(&buffer) == nil)
        buffer.writeString("\r\n")
        #expect(throws: WireError.self) { try parser.parse(&buffer) }
    }

    @Test func oversizedLimitsAreClamped() throws {
        let limits = HeadLimits(maxTargetBytes: .max, maxFieldBytes: .max, maxFields: .max)
        #expect(limits.maxHeadBytes < Int(Int32.max))
        #expect(try parseRequest(request(), limits: limits) != nil)
        let none = HeadLimits(maxTargetBytes: -1, maxFieldBytes: -1, maxFields: -1)
        #expect(requestOutcome(request(), limits: none) == .failure(.targetTooLong))
    }

    @Test func responses() {
        let line = "HTTP/1.1 200 OK\r\n"
        #expect(isTaken(responseOutcome(line + "a:\r\nb:\r\nc:\r\n\r\n", limits: limits)))
        for wire in [
            line + "a:\r\nb:\r\nc:\r\nd:\r\n\r\n", line + "A: \(String(repeating: "b", count: 50))\r\n\r\n",
            "HTTP/1.1 200 \(String(repeating: "b", count: 100))\r\n\r\n",
        ] {
            guard case .failure(.badResponse) = responseOutcome(wire, limits: limits) else {
                Issue.record("taken: \(wire)")
                continue
            }
        }
    }
}
