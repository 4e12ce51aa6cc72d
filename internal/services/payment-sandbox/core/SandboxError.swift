import SoukErrors

/// Why the pay page can't do what it is asked.
enum SandboxError: SoukError, Hashable {
    case unknownCharge
    case expired
    /// The charge was paid, declined or cancelled before.
    case final
    case forgedForm

    var kind: ErrorKind {
        switch self {
        case .unknownCharge: .notFound
        case .expired, .final: .conflict
        case .forgedForm: .forbidden
        }
    }

    var code: String {
        switch self {
        case .unknownCharge: "charge.not_found"
        case .expired: "charge.expired"
        case .final: "charge.final"
        case .forgedForm: "form.forged"
        }
    }

    var message: String {
        switch self {
        case .unknownCharge: "There is nothing to pay here."
        case .expired: "The time to pay this has run out."
        case .final: "This was paid, declined or cancelled already."
        case .forgedForm: "This form was not made by the pay page; open the page again."
        }
    }
}
