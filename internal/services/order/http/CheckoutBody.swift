import SoukAPI
import SoukMoney
import SoukText

struct CheckoutBody: RequestBody {
    static let referenceLength = 1...64

    let command: CheckoutCommand

    init(_ fields: FieldReader) {
        let address = fields.object("shipping_address", as: AddressBody.self)?.address
        command = CheckoutCommand(
            address: address ?? AddressBody.none,
            reference: fields.optionalString("reference", length: Self.referenceLength, text: .line),
            expectedTotal: fields.optionalMoney("expected_total"))
    }
}

struct AddressBody: RequestBody {
    /// Stands in for an address that was refused; never gets out of the reader.
    static let none = Address(
        name: "", line1: "", line2: nil, city: "", region: nil, postalCode: "", country: "")

    let address: Address

    init(_ fields: FieldReader) {
        address = Address(
            name: fields.string("name", length: 1...100, text: .line),
            line1: fields.string("line1", length: 1...200, text: .line),
            line2: fields.optionalString("line2", length: 1...200, text: .line),
            city: fields.string("city", length: 1...100, text: .line),
            region: fields.optionalString("region", length: 1...100, text: .line),
            postalCode: fields.string("postal_code", length: 1...20, text: .line),
            country: fields.string("country", length: 2...2) { code in
                CountryCodes.all.contains(code)
                    ? nil : "The value must be an ISO 3166-1 alpha-2 country code."
            })
    }
}

/// ISO 3166-1 alpha-2, the officially assigned codes.
enum CountryCodes {
    static let all = Set(
        """
        AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
        CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO \
        FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE \
        JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO \
        MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW \
        PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM \
        TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
        """.split(byte: " ").map(String.init))
}
