import Logging
import NIOCore
import NIOHPACK
import SoukHTTP
import SoukHTTPWire
import SoukTime
import Synchronization
import Testing

@testable import SoukGateway

/// Reads a request's head.
private func request(_ text: String) throws -> RequestHead {
    var bytes = ByteBuffer(string: text)
    var parser = RequestParser(limits: HeadLimits())
    return try #require(try parser.parse(&bytes))
}

/// Reads an answer's head.
private func answer(_ text: String, to method: RequestMethod = .get) throws -> ResponseHead {
    var bytes = ByteBuffer(string: text)
    var parser = ResponseParser(limits: HeadLimits())
    return try #require(try parser.parse(&bytes, requestMethod: method))
}

@Suite struct UpstreamTests {
    private func upstream(_ targets: [HostPort]) -> Upstream {
        Upstream(UpstreamPolicy(name: "x", targets: targets))
    }

    private let a = HostPort(host: "10.0.0.1", port: 1)
    private let b = HostPort(host: "10.0.0.2", port: 1)

    @Test func addressesTakeTurnsAndRestAfterARefusal() throws {
        let upstream = upstream([a, b])
        let now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
        let turns = (0..<10).compactMap { _ in upstream.choose(at: now)?.host }
        #expect(Set(turns) == [a, b])
        try #require(upstream.addresses.first { $0.host == a }).refusedConnection(at: now)
        for _ in 0..<10 { #expect(upstream.choose(at: now)?.host == b) }
        let later = (0..<10).compactMap { _ in upstream.choose(at: now + .seconds(2))?.host }
        #expect(Set(later) == [a, b])
    }

    @Test func theOneWithTheFewestRequestsIsChosen() throws {
        let upstream = upstream([a, b])
        try #require(upstream.addresses.first).outstanding.add(3, ordering: .relaxed)
        for _ in 0..<10 { #expect(upstream.choose(at: .now())?.host == b) }
    }

    @Test func theUnhealthyAreTheLastResort() throws {
        let upstream = upstream([a, b])
        for address in upstream.addresses { address.isHealthy.store(false, ordering: .relaxed) }
        #expect(upstream.choose(at: .now()) != nil)
        upstream.addresses[1].isHealthy.store(true, ordering: .relaxed)
        for _ in 0..<10 { #expect(upstream.choose(at: .now())?.host == b) }
    }

    @Test func thoseTriedAlreadyComeLast() throws {
        let upstream = upstream([a, b])
        let tried = [try #require(upstream.addresses.first)]
        for _ in 0..<10 { #expect(upstream.choose(at: .now(), except: tried)?.host == b) }
    }

    /// A name may get other addresses; one that can't be looked up keeps those that it had, whatever the others do.
    @Test func namesAreFollowed() async throws {
        let (first, second) = (
            HostPort(host: "first.test", port: 80), HostPort(host: "second.test", port: 80)
        )
        let upstream = upstream([first, second])
        #expect(upstream.choose(at: .now()) == nil)
        let known = Mutex<[HostPort: [String]]>([first: ["10.0.0.1"], second: ["10.0.0.2"]])
        let lookUp: @Sendable (HostPort) -> [HostPort] = { target in
            known.withLock { $0[target] ?? [] }.map { HostPort(host: $0, port: target.port) }
        }
        let logger = Self.silent
        await AddressResolution.resolve(upstream, logger: logger, lookUp: lookUp)
        #expect(upstream.addresses.map(\.host.host) == ["10.0.0.1", "10.0.0.2"])
        let kept = upstream.addresses[1]
        known.withLock { $0 = [first: ["10.0.0.3", "10.0.0.4"]] }
        await AddressResolution.resolve(upstream, logger: logger, lookUp: lookUp)
        #expect(upstream.addresses.map(\.host.host) == ["10.0.0.3", "10.0.0.4", "10.0.0.2"])
        #expect(upstream.addresses[2] === kept)
    }

    private static let silent = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    @Test func numericNamesAreTheirOwnAddresses() {
        #expect(
            AddressResolution.lookUp(HostPort(host: "127.0.0.1", port: 7)) == [
                HostPort(host: "127.0.0.1", port: 7)
            ])
        #expect(AddressResolution.lookUp(HostPort(host: "no-such-name.invalid", port: 7)).isEmpty)
    }
}

@Suite struct ForwardedRequestTests {
    @Test(arguments: [
        "Connection: close", "Keep-Alive: 5", "TE: trailers", "Upgrade: h2c",
        "Proxy-Authorization: Basic eDp5",
        "X-Forwarded-For: 1.2.3.4", "Forwarded: for=1.2.3.4", "X-Real-IP: 1.2.3.4", "X-User-Id: 7",
        "x_user_id: 7",
        "X.Roles: admin", "Expect: 100-continue", "Via: 1.0 fred",
    ])
    func whatIsForOneHopOrClaimsAnIdentityEndsHere(line: String) throws {
        let head = try request("GET / HTTP/1.1\r\nHost: a\r\n\(line)\r\nX-Kept: 1\r\n\r\n")
        let passing = head.fields.filter { ForwardedRequest.passes($0, head) }.map(head.nameText)
        #expect(passing == ["Host", "X-Kept"])
    }

    @Test func whatConnectionNamesEndsHereButNeverTheAuthorization() throws {
        let head = try request(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: x-mine, authorization\r\nX-Mine: 1\r\nAuthorization: Bearer t\r\n\r\n"
        )
        let passing = head.fields.filter { ForwardedRequest.passes($0, head) }.map(head.nameText)
        #expect(passing == ["Host", "Authorization"])
    }

    @Test func linesThatPassAreCopiedWhole() throws {
        let head = try request(
            "GET / HTTP/1.1\r\nHost: a\r\nTE: x\r\nA:  1 \r\nB: 2\r\nVia: v\r\nC: 3\r\n\r\n")
        var copy = ByteBuffer()
        copy.copyFields(of: head.bytes, head.fields, from: Int(head.fieldsStart)) {
            ForwardedRequest.passes($0, head)
        }
        #expect(String(buffer: copy) == "Host: a\r\nA:  1 \r\nB: 2\r\nC: 3\r\n")
    }
}

@Suite struct HTTP2HeadsTests {
    private let plain: [(String, String)] = [
        (":method", "POST"), (":scheme", "https"), (":authority", "shop.test"), (":path", "/a?b=c"),
        ("x-kept", "1"),
    ]

    @Test func aRequestBecomesOneOfHTTP1() throws {
        let text = String(
            buffer: try HTTP2Heads.request(
                HPACKHeaders(plain + [("cookie", "a=1"), ("cookie", "b=2")]), ends: false))
        #expect(
            text
                == "POST /a?b=c HTTP/1.1\r\nhost: shop.test\r\ncookie: a=1; b=2\r\nx-kept: 1\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        #expect(try request(text).framing == .chunked)
    }

    @Test(arguments: [
        ("transfer-encoding", "chunked"), ("connection", "close"), ("x-a", "1\r\nx-user-id: 7"),
        ("x-a\r\nb", "1"),
        ("upgrade", "websocket"), ("x-a", "\0"),
    ])
    func whatHTTP1WouldMisreadIsRefused(name: String, value: String) {
        #expect(throws: WireError.self) {
            _ = try HTTP2Heads.request(HPACKHeaders(plain + [(name, value)]), ends: true)
        }
    }

    @Test(arguments: ["/a b", "/a\r\nX: y", ""])
    func pathsThatHTTP1WouldMisreadAreRefused(path: String) throws {
        let headers = HPACKHeaders([(":method", "GET"), (":authority", "a"), (":path", path)])
        #expect(throws: (any Error).self) {
            var bytes = try HTTP2Heads.request(headers, ends: true)
            var parser = RequestParser(limits: HeadLimits())
            let head = try #require(try parser.parse(&bytes))
            // Whatever was read must be what was said.
            try #require(head.path == path)
        }
    }
}

@Suite struct GzipStreamTests {
    @Test(arguments: [
        ("gzip", true), ("deflate, gzip;q=0.5", true), ("gzip;q=0", false), ("br", false), ("*", true),
        ("*;q=0", false),
        ("", false), ("x-gzip", true),
    ])
    func gzipIsUsedWhereItIsTaken(field: String, isTaken: Bool) {
        #expect(GzipStream.accepts(field) == isTaken)
    }

    @Test(arguments: [
        ("Content-Type: application/json\r\nContent-Length: 5000", true),
        ("Content-Type: application/json; charset=utf-8\r\nTransfer-Encoding: chunked", true),
        ("Content-Type: application/json\r\nContent-Length: 50", false),
        ("Content-Type: image/png\r\nContent-Length: 5000", false),
        ("Content-Type: application/json\r\nContent-Length: 5000\r\nContent-Encoding: br", false),
        ("Content-Type: application/json\r\nContent-Length: 5000\r\nCache-Control: no-transform", false),
    ])
    func whatIsShortOrPackedStaysAsItIs(fields: String, isSuited: Bool) throws {
        let asked = try request("GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
        let answered = try answer("HTTP/1.1 200 OK\r\n\(fields)\r\n\r\n")
        #expect(GzipStream.suits(CompressionPolicy(), request: asked, answer: answered) == isSuited)
    }

    @Test func whatIsPackedIsShorterAndBeginsAsGzipDoes() throws {
        let stream = try #require(GzipStream(level: 4))
        var packed = stream.add(ByteBuffer(repeating: 0x61, count: 100_000))
        packed.writeImmutableBuffer(stream.finish())
        #expect(packed.readableBytes < 1_000)
        #expect(Array(packed.readableBytesView.prefix(3)) == [0x1f, 0x8b, 8])
    }
}

@Suite struct CompiledPolicyTests {
    private func policy(_ change: (inout GatewayPolicy) -> Void) throws -> CompiledPolicy {
        var policy = GatewayPolicy()
        change(&policy)
        return try CompiledPolicy(policy, limiters: RateLimiters(cache: nil, clock: SystemClock()))
    }

    @Test func onlyTrustedProxiesAreBelieved() throws {
        let compiled = try policy { $0.trustedProxies = [AddressRange("10.0.0.0/8")!] }
        #expect(compiled.client(of: "1.2.3.4", peer: "10.0.0.1") == "1.2.3.4")
        #expect(compiled.client(of: "6.6.6.6, 1.2.3.4, 10.0.0.9", peer: "10.0.0.1") == "1.2.3.4")
        #expect(compiled.client(of: "1.2.3.4", peer: "9.9.9.9") == "9.9.9.9")
        #expect(compiled.client(of: "nonsense", peer: "10.0.0.1") == "10.0.0.1")
    }

    @Test func whatChangesNothingOfAnUpstreamKeepsItsAddresses() throws {
        let target = HostPort(host: "10.0.0.1", port: 1)
        let first = try policy { $0.upstreams["x"] = UpstreamPolicy(name: "x", targets: [target]) }
        let limiters = RateLimiters(cache: nil, clock: SystemClock())
        let second = try CompiledPolicy(first.policy, previous: first, limiters: limiters)
        #expect(first.upstreams["x"] === second.upstreams["x"])
    }
}

@Test func datesAreWrittenAsHTTPHasThem() {
    #expect(HTTPDate.text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
}
