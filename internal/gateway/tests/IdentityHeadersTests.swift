import SoukTesting
import Testing

@testable import SoukGateway

@Suite struct IdentityHeadersTests {
    private func contains(_ name: String) -> Bool {
        Array(name.utf8).withUnsafeBytes { IdentityHeaders.contains($0) }
    }

    @Test(
        arguments: IdentityHeaders.names
            + IdentityHeaders.prefixes.flatMap { [$0, $0 + "a", $0 + String(repeating: "b", count: 90)] })
    func everySpellingIsKnown(name: String) {
        var random = SeededGenerator(seed: UInt64(name.utf8.count))
        let spellings =
            [
                name, name.uppercased(), name.replacing("-", with: "_"), name.replacing("-", with: "."),
                name.uppercased().replacing("-", with: "_"),
            ]
            + (0..<50).map { _ in
                String(
                    name.map { character in
                        if character == "-" { return ["-", "_", "."].randomElement(using: &random) ?? "-" }
                        return Bool.random(using: &random) ? Character(character.uppercased()) : character
                    })
            }
        for spelling in spellings {
            #expect(contains(spelling), "\(spelling)")
            #expect(IdentityHeaders.contains(spelling), "\(spelling)")
        }
    }

    @Test(arguments: IdentityHeaders.names)
    func whatIsNearlySoIsNot(name: String) {
        for other in [
            name + "x", name + "-", "x" + name, "-" + name, String(name.dropFirst()),
            name.replacing("-", with: ""), name.replacing("-", with: "--"), name.replacing("-", with: " "),
            name.replacing("-", with: "~"), name + "\0",
        ] where !IdentityHeaders.names.contains(other) {
            #expect(!contains(other), "\(other)")
        }
    }

    @Test(arguments: [
        "", "x", "X-", "x-souk", "x-internal", "Authorization", "X-Request-Id", "X-Forwarded-For",
        "X-Forwarded-Proto",
        "Cart-Token", "Idempotency-Key", "Referer", "Range", "remote-users", "Xsouk-a",
        "X-Goog-Authenticated-User", String(repeating: "x", count: 10_000),
    ])
    func otherHeadersStay(name: String) {
        #expect(!contains(name))
        #expect(!IdentityHeaders.contains(name))
    }
}
