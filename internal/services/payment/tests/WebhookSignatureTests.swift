import SoukEnv
import SoukTime
import Testing

@testable import SoukPayment

@Suite struct WebhookSignatureTests {
    static let now = Timestamp(microseconds: 1_767_225_600_000_000)
    static let old = Secret("the secret before the rotation")
    static let new = Secret("the secret after the rotation")
    static let body = Array(#"{"id":"evt_1"}"#.utf8)

    private static func header(_ secrets: [Secret<String>] = [new], at offset: Duration = .zero) -> String {
        WebhookSignature.header(for: body, at: now + offset, secrets: secrets)
    }

    /// The error, nil for a valid signature.
    private static func outcome(
        _ header: String?, body: [UInt8] = body, secrets: [Secret<String>] = [new]
    ) -> WebhookError? {
        do {
            try WebhookSignature.verify(header: header, body: body, secrets: secrets, now: now)
            return nil
        } catch {
            return error
        }
    }

    @Test func isTheDocumentedHMAC() {
        // printf '1767225600.{"id":"evt_1"}' | openssl dgst -sha256 -hmac 'the secret after the rotation'
        #expect(
            Self.header()
                == "t=1767225600,v1=680542125d3fe8dd83264ae31d159111e9c8d15c5f049edec09c2fe2ed00af3d")
    }

    @Test func senderAndReceiverCanRotate() {
        #expect(Self.outcome(Self.header([Self.old]), secrets: [Self.new, Self.old]) == nil)
        #expect(Self.outcome(Self.header([Self.new, Self.old]), secrets: [Self.old]) == nil)
        #expect(Self.outcome(Self.header([Self.old]), secrets: [Self.new]) == .signatureInvalid)
        #expect(Self.outcome(Self.header(), secrets: []) == .signatureInvalid)
    }

    @Test(arguments: [
        (Duration.zero, true), (.seconds(300), true), (.seconds(-300), true), (.seconds(301), false),
        (.seconds(-301), false), (.seconds(86_400), false),
    ])
    func timeMustBeNear(offset: Duration, isTaken: Bool) {
        #expect(Self.outcome(Self.header(at: offset)) == (isTaken ? nil : .expired))
    }

    @Test func anyByteOfTheBodyCounts() {
        for index in Self.body.indices {
            var tampered = Self.body
            tampered[index] ^= 1
            #expect(Self.outcome(Self.header(), body: tampered) == .signatureInvalid)
        }
        #expect(Self.outcome(Self.header(), body: Self.body + [0x20]) == .signatureInvalid)
        #expect(Self.outcome(Self.header(), body: []) == .signatureInvalid)
    }

    @Test func theTimeIsSignedToo() {
        let later = Self.header().replacing("t=1767225600", with: "t=1767225601")
        #expect(Self.outcome(later) == .signatureInvalid)
    }

    @Test func headersAreReadStrictly() throws {
        let signature = try #require(Self.header().split(separator: "v1=").last)
        let wrong = String(repeating: "0", count: 64)
        let valid = [
            "t=1767225600,v1=\(signature)", "v1=\(signature),t=1767225600", "t=1767225600, v1=\(signature)",
            "t=1767225600,v1=\(wrong),v1=\(signature)", "t=1767225600,v0=abc,v1=\(signature)",
        ]
        for header in valid { #expect(Self.outcome(header) == nil, "\(header)") }
        let many = Array(repeating: "v1=\(wrong)", count: 8).joined(separator: ",")
        let invalid: [String?] = [
            nil, "", "t=1767225600", "v1=\(signature)", "t=1767225600,v1=", "t=1767225600,v1=\(wrong)",
            "t=1767225600,v1=\(signature.uppercased())", "t=1767225600,v1=\(signature.dropLast())",
            "t=1767225600,v1=\(signature)0", "t=1767225600,t=1767225600,v1=\(signature)",
            "t=+1767225600,v1=\(signature)", "t=-1,v1=\(signature)", "t=,v1=\(signature)",
            "t=99999999999999999999,v1=\(signature)", "t=1767225600;v1=\(signature)",
            "t=1767225600,,v1=\(signature)", "t=1767225600,\(many),v1=\(signature)",
            "t=1767225600,v1=\(signature)," + String(repeating: "x", count: 3_000) + "=y",
        ]
        for header in invalid { #expect(Self.outcome(header) == .signatureInvalid, "\(header ?? "none")") }
    }

    @Test func aTimeBeyondAllTimesIsExpired() {
        let far = WebhookSignature.header(for: Self.body, at: .max, secrets: [Self.new])
        #expect(Self.outcome(far) == .expired)
    }
}
