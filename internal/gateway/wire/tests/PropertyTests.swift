import NIOCore
import SoukHTTPWire
import SoukTesting
import Testing

@Suite struct PropertyTests {
    private static let token = Array("!#$%&'*+-.^_`|~09azAZ".unicodeScalars)
    private static let target = Array("!$%&'()*+,-./09:;=?@AZ[]_az~|".unicodeScalars)
    private static let value = Array("!\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~ \t\u{e9}".unicodeScalars)

    /// A request as it was meant, and its bytes.
    struct Sample {
        var method = ""
        var origin = ""
        var fields: [(name: String, value: String)] = []
        var wire: [UInt8] = []

        init(_ random: inout SeededGenerator) {
            method =
                Bool.random(using: &random)
                ? ["GET", "PUT", "POST", "DELETE"].randomElement(using: &random) ?? "GET"
                : "X" + random.text(of: PropertyTests.token, 0...8)
            origin = "/" + random.text(of: PropertyTests.target, 0...40)
            fields = (0..<Int.random(in: 0...8, using: &random)).map { _ in
                let value = random.text(of: PropertyTests.value, 0...30)
                return (
                    "x" + random.text(of: PropertyTests.token, 0...20),
                    value.drop { " \t".contains($0) }.trimmedEnd
                )
            }
            fields.insert(("hOst", "a:80"), at: Int.random(in: 0...fields.count, using: &random))
            if Bool.random(using: &random) { fields.append(("content-Length", "12")) }
            var text = "\(method) \(origin) HTTP/1.1\r\n"
            for field in fields {
                let (before, after) = (
                    random.text(of: [" ", "\t"], 0...2), random.text(of: [" ", "\t"], 0...2)
                )
                text += "\(field.name):\(before)\(field.value)\(after)\r\n"
            }
            wire = bytes(text + "\r\n")
        }
    }

    @Test func validHeadsRoundTripHoweverTheyArrive() throws {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<300 {
            let sample = Sample(&random)
            let rest = bytes(random.text(of: Array("GET /\r\n".unicodeScalars), 0...40))
            let head = try #require(try parseRequest([sample.wire + rest]))
            #expect(head.bytes.bytesInHead == sample.wire)
            #expect(head.origin == sample.origin)
            #expect(head.path == String(sample.origin.prefix { $0 != "?" }))
            #expect(head.bytes.getString(at: 0, length: Int(head.methodLength)) == sample.method)
            #expect(head.pairs == sample.fields.map { "\($0.name)=\($0.value)" })
            #expect(head.framing == (sample.fields.last?.name == "content-Length" ? .length(12) : .none))
            for _ in 0..<3 {
                #expect(requestOutcome(random.cut(sample.wire + rest)) == .success(head.summary))
            }
        }
    }

    /// Bytes changed, inserted, removed, doubled: what results is judged the same in any pieces, and what is
    /// still taken is a head in the strictest reading.
    @Test func mutationsNeverSlipThrough() throws {
        var random = SeededGenerator(seed: 2)
        var (taken, refused) = (0, 0)
        for _ in 0..<1500 {
            let wire = mutated(Sample(&random).wire, &random)
            let outcome = requestOutcome([wire])
            #expect(requestOutcome(random.cut(wire)) == outcome)
            guard case .success = outcome else {
                refused += 1
                continue
            }
            guard let head = try parseRequest([wire]) else { continue }
            taken += 1
            expectStrict(head)
        }
        // Both happen often, or the test shows nothing.
        #expect(taken > 200)
        #expect(refused > 200)
    }

    private func mutated(_ wire: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        let nasty: [UInt8] = [0, 9, 10, 11, 13, 32, 35, 44, 58, 59, 127, 128, 255]
        let lines = [
            "\r\n", "\r\n ", "\r\nContent-Length: 5", "\r\nTransfer-Encoding: chunked", "\r\nHost: b", "\n\n",
        ]
        var wire = wire
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let place = Int.random(in: 0..<wire.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: wire[place] = nasty.randomElement(using: &random) ?? 0
            case 1: wire.insert(nasty.randomElement(using: &random) ?? 0, at: place)
            case 2: wire.insert(contentsOf: bytes(lines.randomElement(using: &random) ?? ""), at: place)
            case 3: wire[place] = UInt8.random(in: 0...255, using: &random)
            default: wire.remove(at: place)
            }
            if wire.isEmpty { break }
        }
        return wire
    }

    /// Re-reads a head's bytes naively: split at CRLF, nothing else may be a CR, an LF or a NUL.
    private func expectStrict(_ head: RequestHead) {
        let all = head.bytes.bytesInHead
        var lines: [[UInt8]] = [[]]
        var index = 0
        while index < all.count {
            if all[index] == 13, index + 1 < all.count, all[index + 1] == 10 {
                lines.append([])
                index += 2
            } else {
                lines[lines.count - 1].append(all[index])
                index += 1
            }
        }
        #expect(lines.count == head.fields.count + 3)
        #expect(lines.suffix(2) == [[], []])
        #expect(!lines.joined().contains { [0, 10, 13].contains($0) })
        var isStrict = true
        for (line, field) in zip(lines.dropFirst(), head.fields) {
            let parts = line.split(separator: 0x3a, maxSplits: 1, omittingEmptySubsequences: false)
            let value = all[field.valueRange]
            isStrict =
                isStrict && parts.count == 2 && Array(parts[0]) == Array(all[field.nameRange])
                && !value.contains { $0 < 0x20 && $0 != 9 || $0 == 0x7f }
                && all[..<Int(field.lineEnd)].suffix(2) == [13, 10]
        }
        #expect(isStrict)
        let names = head.fields.map { head.nameText($0).lowercased() }
        let lengths = names.count { $0 == "content-length" }
        let codings = names.count { $0 == "transfer-encoding" }
        #expect(names.count { $0 == "host" } == 1 || head.minorVersion == 0)
        #expect(lengths + codings <= 1)
        #expect((head.framing == .chunked) == (codings == 1))
        if case .length = head.framing { #expect(lengths == 1) }
        if head.framing == .none { #expect(lengths + codings == 0) }
    }

    @Test func chunkedBodiesInAnyPieces() throws {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<200 {
            var (content, wire) = ([UInt8](), ByteBuffer())
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                let chunk = (0..<Int.random(in: 1...100, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                content += chunk
                wire.writeChunkHeader(chunk.count)
                wire.writeBytes(chunk)
                wire.writeString("\r\n")
            }
            let trailers = Bool.random(using: &random) ? "A: b\r\n" : nil
            wire.writeString("0\r\n\(trailers ?? "")\r\n")
            let expected = DecodedBody(
                content: content, trailers: trailers, isComplete: true, left: bytes("GET"))
            let all = Array(wire.readableBytesView) + bytes("GET")
            #expect(try decodeBody(.chunked, [all]) == expected)
            for _ in 0..<3 { #expect(try decodeBody(.chunked, random.cut(all)) == expected) }
            // Broken anywhere, it is judged the same in any pieces.
            let broken = mutated(all, &random)
            #expect(bodyOutcome(.chunked, random.cut(broken)) == bodyOutcome(.chunked, [broken]))
        }
    }

    @Test func responsesInAnyPieces() {
        var random = SeededGenerator(seed: 4)
        for _ in 0..<300 {
            let line = "HTTP/1.1 200 OK\r\n"
            let request = Sample(&random)
            let start = "\(request.method) \(request.origin) HTTP/1.1\r\n".utf8.count
            let wire = bytes(line) + request.wire.dropFirst(start)
            guard case .success(.some(let whole)) = responseOutcome([wire]) else {
                Issue.record("refused: \(wire)")
                continue
            }
            #expect(responseOutcome(random.cut(wire)) == .success(whole))
            let broken = mutated(wire, &random)
            #expect(responseOutcome(random.cut(broken)) == responseOutcome([broken]))
        }
    }
}

extension Substring {
    fileprivate var trimmedEnd: String {
        var text = self
        while let last = text.last, " \t".contains(last) { text.removeLast() }
        return String(text)
    }
}
