import GRPCNIOTransportHTTP2Posix
import SoukEnv
import Synchronization
import Testing

@testable import SoukRPCRuntime

@Suite(.timeLimit(.minutes(1))) struct PeerResolverTests {
    @Test func addressesAreRead() throws {
        let addresses = try PeerAddresses("order:9104, 10.0.0.1:80,[::1]:81", for: "X").addresses
        #expect(
            addresses == [
                .init(host: "order", port: 9104), .init(host: "10.0.0.1", port: 80),
                .init(host: "::1", port: 81),
            ])
    }

    @Test(arguments: [
        "", ",", "order", "order:", ":80", "order:0", "order:70000", "a b:80", "::1:80", "http://a:80",
    ])
    func whatIsNoAddressIsAnErrorOfTheConfiguration(_ text: String) {
        #expect(throws: ConfigurationError.self) {
            _ = try PeerAddresses(text, for: "SOUK_ORDER_GRPC_ADDRESS")
        }
    }

    @Test func everyAddressOfANameIsAnEndpointOnce() async throws {
        let resolver = PeerResolver(try PeerAddresses("a:1,b:2,b:2", for: "X")) { host, port in
            host == "a"
                ? [.ipv4(host: "10.0.0.1", port: port), .ipv4(host: "10.0.0.2", port: port)]
                : [.ipv4(host: "10.0.0.3", port: port)]
        }
        let endpoints = await resolver.resolve()
        #expect(
            endpoints.map { $0.addresses.compactMap(\.ipv4?.host) } == [
                ["10.0.0.1"], ["10.0.0.2"], ["10.0.0.3"],
            ])
    }

    @Test func aNameKeepsItsAddressesWhileItCanNotBeResolved() async throws {
        let works = Mutex(false)
        let resolver = PeerResolver(try PeerAddresses("a:1", for: "X")) { _, port in
            works.withLock { $0 } ? [.ipv4(host: "10.0.0.1", port: port)] : nil
        }
        #expect(await resolver.resolve().isEmpty)
        #expect(resolver.hasNoAddress)
        works.withLock { $0 = true }
        #expect(await resolver.resolve().count == 1)
        works.withLock { $0 = false }
        #expect(await resolver.resolve().count == 1)
        #expect(!resolver.hasNoAddress)
    }

    @Test func aCallThatFindsNoConnectionWakesIt() async throws {
        let looks = Atomic(0)
        let resolver = PeerResolver(try PeerAddresses("a:1", for: "X")) { _, port in
            looks.add(1, ordering: .relaxed)
            return [.ipv4(host: "10.0.0.1", port: port)]
        }
        var iterator = PeerResolverFactory.Results(resolver: resolver).makeAsyncIterator()
        _ = try await iterator.next()
        let start = ContinuousClock.now
        resolver.wake()
        _ = try await iterator.next()
        #expect(looks.load(ordering: .relaxed) == 2)
        #expect(ContinuousClock.now - start < .seconds(3))
    }

    @Test func cancellationEndsIt() async throws {
        let resolver = PeerResolver(try PeerAddresses("a:1", for: "X")) { _, _ in nil }
        let task = Task {
            var iterator = PeerResolverFactory.Results(resolver: resolver).makeAsyncIterator()
            return try await iterator.next()
        }
        task.cancel()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
    }
}
