@testable import SoukAuth
import SoukErrors
import Testing

@Suite struct PasswordTests {
    /// The vector of the reference implementation's own test.
    @Test func hashesAsTheReferenceDoes() throws {
        let parameters = Argon2Parameters(memoryKiB: 65_536, iterations: 2, parallelism: 1)
        let encoded = try Argon2id.hash("password", salt: Array("somesalt".utf8), parameters)
        #expect(
            encoded
                == "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
        #expect(try Argon2id.verify("password", against: encoded))
        #expect(try !Argon2id.verify("Password", against: encoded))
        #expect(Argon2id.parameters(of: encoded) == parameters)
    }

    @Test func saltsDiffer() throws {
        let cheap = Argon2Parameters(memoryKiB: 8, iterations: 1, parallelism: 1)
        #expect(try Argon2id.hash("x", cheap) != Argon2id.hash("x", cheap))
    }

    @Test(arguments: ["", "plain", "$argon2i$v=19$m=8,t=1,p=1$YWJj$YWJj", "$argon2id$v=19$m=x,t=1,p=1$a$b"])
    func whatIsNoHashIsNotRead(_ text: String) {
        #expect(Argon2id.parameters(of: text) == nil)
        #expect(throws: Argon2Error.self) { try Argon2id.verify("x", against: text) }
    }

    @Test func aDecoyIsCheckedLikeAnyHashAndFitsNothing() throws {
        let parameters = Argon2Parameters(memoryKiB: 64, iterations: 3, parallelism: 2)
        let decoy = Argon2id.decoy(parameters)
        #expect(Argon2id.parameters(of: decoy) == parameters)
        #expect(try !Argon2id.verify("", against: decoy))
    }

    @Test func theHasherSaysNoWithoutAHash() async throws {
        let hasher = PasswordHasher(
            parameters: Argon2Parameters(memoryKiB: 8, iterations: 1, parallelism: 1), threads: 1)
        let hash = try await hasher.hash("secret")
        #expect(try await hasher.verify("secret", against: hash))
        #expect(try await !hasher.verify("secret", against: nil))
        #expect(!hasher.isOutdated(hash))
        #expect(hasher.isOutdated(try Argon2id.hash("x", Argon2Parameters(memoryKiB: 16))))
    }

    @Test func aFullQueueIsRefusedAtOnce() async {
        let hasher = PasswordHasher(parameters: Argon2Parameters(), threads: 1, queueBound: 0)
        await #expect(throws: AuthError.busy) { try await hasher.hash("secret") }
        #expect(AuthError.busy.kind.httpStatus == 503)
        #expect(AuthError.busy.retryAfter != nil)
    }

    @Test(arguments: [
        ("fourteen chars", "length"), (String(repeating: "ab", count: 65), "length"),
        // One character to a reader, but seven code points: 19 of them are more than 128.
        (String(repeating: "👨‍👩‍👧‍👦", count: 19), "length"), ("Ann@Example.com", "own_email"),
        ("ANN@example.com", "own_email"), ("Qwertyuiopasdfg", "too_common"),
        ("1234567890123456", "too_common"), ("zzzzzzzzzzzzzzz", "too_common"),
        ("abcabcabcabcabca", "too_common"), ("Password1Password1", "too_common"),
    ])
    func badPasswordsAreRefused(_ password: String, _ code: String) {
        #expect(PasswordPolicy().complaint(about: password, email: "ann@example.com")?.code == code)
    }

    @Test(arguments: [
        "fifteen letters", "pässwörter sind", "👨‍👩‍👧‍👦🐎🔋📎🪢🧷🧵🪡🧶", String(repeating: "ab cd", count: 25) + "xyz",
    ])
    func otherPasswordsAreTaken(_ password: String) {
        #expect(PasswordPolicy().complaint(about: password, email: "ann@example.com") == nil)
    }

    @Test func theLeastLengthIsTheOperators() {
        let policy = PasswordPolicy(minimumLength: 8)
        #expect(policy.complaint(about: "12345abx", email: "ann@example.com") == nil)
        #expect(policy.complaint(about: "12345ab", email: "ann@example.com")?.code == "length")
        #expect(policy.complaint(about: "Password1", email: "ann@example.com")?.code == "too_common")
    }

    @Test func formsOfOnePasswordAreOne() {
        #expect(PasswordPolicy.normalised("pa\u{308}ss") == PasswordPolicy.normalised("p\u{E4}ss"))
        #expect(EmailAddress.normalised("  Ann@Example.COM\n") == "ann@example.com")
    }
}
