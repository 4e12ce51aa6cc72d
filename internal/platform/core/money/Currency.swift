/// A currency of ISO 4217 and the number of decimal digits of its minor unit.
///
/// Knows the active codes of ISO 4217 list one whose exponent is 0, 2 or 3. Metals, test codes and the two
/// units of account with exponent 4 (CLF, UYW) are not currencies anybody is charged in, and are left out.
package struct Currency: Hashable, Sendable {
    /// Three upper-case letters.
    package let code: String
    /// Decimal digits of the minor unit: 0, 2 or 3.
    package let exponent: Int

    /// The currency with this code; `nil` when it is unknown or not in upper case.
    package init?(_ code: String) {
        guard let exponent = Self.exponents[code] else { return nil }
        self.code = code
        self.exponent = exponent
    }

    /// Every known currency, ordered by code.
    package static var all: [Currency] {
        exponents.keys.sorted().compactMap(Currency.init)
    }

    private static let exponents: [String: Int] = {
        var table: [String: Int] = [:]
        for (exponent, codes) in [(0, withoutMinorUnit), (2, withCents), (3, withThousandths)] {
            for code in codes.utf8.split(whereSeparator: { $0 <= 0x20 }) {
                table[String(Substring(code))] = exponent
            }
        }
        return table
    }()

    private static let withoutMinorUnit = """
        BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF
        """

    private static let withThousandths = "BHD IQD JOD KWD LYD OMR TND"

    private static let withCents = """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD
        CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP
        GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT
        LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN
        NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB
        SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS
        UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG
        """
}

extension Currency: CustomStringConvertible {
    /// The code.
    package var description: String { code }
}

extension Currency: Codable {
    /// Reads the code.
    ///
    /// Throws: `DecodingError.dataCorrupted` when the code is unknown.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let currency = Currency(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "not an active ISO 4217 currency code")
        }
        self = currency
    }

    /// Writes the code.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(code)
    }
}
