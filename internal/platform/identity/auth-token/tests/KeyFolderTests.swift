import Foundation
import SoukTime
import Testing

@testable import SoukAuthToken

@Suite struct KeyFolderTests {
    private let clock = FixedClock()
    private let folder = Folder()

    private func load() async throws -> TokenKeys {
        try await TokenKeys.loadOrCreate(directory: folder.path, clock: clock)
    }

    private func keyFiles() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.hasPrefix(".") }
    }

    @Test func makesOneKeyThatOnlyTheOwnerReads() async throws {
        let keys = try await load()
        let files = try keyFiles()
        #expect(files.count == 1)
        let file = try #require(files.first)
        #expect(file.hasSuffix(".pem"))
        #expect(try folder.mode(file) == 0o600)
        #expect(try folder.mode() == 0o700)
        #expect(keys.jwks().keys.map(\.kid) == [String(file.dropLast(4))])
        #expect(keys.jwks().keys.first?.alg == "EdDSA")
    }

    @Test func nextStartUsesTheSameKey() async throws {
        let token = try await load().createToken(claims(at: clock))
        let again = try await load()
        try await again.validateToken(token)
        #expect(try keyFiles().count == 1)
    }

    @Test func startsAtOnceAgreeOnOneKey() async throws {
        let path = folder.path
        let sets = try await withThrowingTaskGroup(of: TokenKeys.self) { group in
            for _ in 0..<8 {
                group.addTask { try await TokenKeys.loadOrCreate(directory: path) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(try keyFiles().count == 1)
        #expect(Set(sets.map { $0.jwks() }).count == 1)
    }

    @Test func whoComesSecondMakesNoKey() throws {
        try KeyFolder.createFirstKey(in: folder.path, now: clock.now())
        try KeyFolder.createFirstKey(in: folder.path, now: clock.now())
        #expect(try keyFiles().count == 1)
    }

    @Test func newestNameSignsOthersVerify() async throws {
        let old = try await load().createToken(claims(at: clock))
        try folder.write("30000101.pem", TestKeys.rsaPrivate)
        try folder.write("90000101.pem", TestKeys.ed25519Public)
        try folder.write("README.txt", "not a key")
        try folder.write(".hidden.pem", "not a key either")
        let keys = try await load()
        #expect(keys.jwks().keys.count == 3)
        try await keys.validateToken(old)
        let new = try await keys.createToken(claims(at: clock))
        #expect(try Forgery(new).header["kid"] as? String == "30000101")
    }

    @Test func readsJSONWebKeys() async throws {
        let secret = Base64URL.encode([UInt8](repeating: 9, count: 32))
        try folder.write("shared.json", #"{"kty":"oct","alg":"HS256","k":"\#(secret)"}"#)
        let keys = try await load()
        #expect(keys.jwks().keys.isEmpty)
        let token = try await keys.createToken(claims(at: clock))
        #expect(try Forgery(token).header["alg"] as? String == "HS256")
        try await keys.validateToken(token)
    }

    @Test func namesTheFileThatIsWrong() async throws {
        try folder.write("broken.pem", "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----")
        do {
            _ = try await load()
            Issue.record("a broken key was taken")
        } catch let error as TokenKeyError {
            #expect("\(error)".hasPrefix(folder.path + "/broken.pem: "))
            #expect(!"\(error)".contains("s3cret"))
        }
    }

    @Test func publicKeysAloneAreNotEnough() async throws {
        try folder.write("k.pem", TestKeys.ed25519Public)
        await #expect(throws: TokenKeyError.self) { try await load() }
        #expect(try keyFiles() == ["k.pem"])
    }

    @Test func placesThatCannotBeWrittenAreNamed() async {
        await #expect(throws: TokenKeyError("/proc/souk/keys", "the key folder can't be made")) {
            try await TokenKeys.loadOrCreate(directory: "/proc/souk/keys", clock: clock)
        }
    }
}
