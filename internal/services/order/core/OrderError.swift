import SoukErrors
import SoukIdentifiers
import SoukMoney

/// Why the order service refused.
enum OrderError: SoukError, Equatable {
    case notFound
    case cartItemNotFound
    case cartEmpty
    case cartFull
    case quantityTooLarge
    /// A guest's cart has as many lines as are allowed; the number is the limit.
    case guestCartFull(Int)
    /// A network has as many guests' carts as are allowed; the duration is the wait.
    case tooManyGuestCarts(Duration)
    /// So many of the customer's orders ended unpaid lately that the next one has to wait.
    case coolingDown(Int, Duration)
    /// Lines that can't be bought as they stand, each with its reason.
    case notPurchasable([FieldError])
    case mixedCurrencies([Currency])
    case nothingToPay
    /// More lines, or longer ones, than an event can tell of.
    case tooLarge
    case totalChanged(expected: Money, actual: Money)
    /// Another checkout of this customer hasn't come to an end yet.
    case checkoutInProgress
    /// The customer has as many orders waiting for their payment as are allowed; the number is the limit.
    case tooManyUnpaid(Int)
    /// The checkout is persisted and goes on by itself; the text is for logs.
    case checkoutUnfinished(String)
    case checkoutExpired
    case notCancellable(OrderStatus)
    case alreadyShipped
    case illegalTransition(from: OrderStatus, OrderTransition)
    /// A payment or refund doesn't fit its order; the text is for logs.
    case paymentMismatch(String)

    var kind: ErrorKind {
        switch self {
        case .notFound, .cartItemNotFound: .notFound
        case .tooManyGuestCarts, .coolingDown: .rateLimited
        case .cartFull, .guestCartFull, .quantityTooLarge, .mixedCurrencies, .nothingToPay, .tooLarge:
            .unprocessable
        case .checkoutUnfinished: .unavailable
        case .cartEmpty, .notPurchasable, .totalChanged, .checkoutInProgress, .tooManyUnpaid,
            .checkoutExpired, .notCancellable,
            .alreadyShipped, .illegalTransition, .paymentMismatch:
            .conflict
        }
    }

    var code: String {
        switch self {
        case .notFound: "order.not_found"
        case .cartItemNotFound: "cart.item_not_found"
        case .cartEmpty: "cart.empty"
        case .cartFull: "cart.full"
        case .quantityTooLarge: "cart.quantity_too_large"
        case .guestCartFull: "limit.guest_cart_lines"
        case .tooManyGuestCarts: "limit.guest_carts"
        case .coolingDown: "limit.unpaid_orders"
        case .notPurchasable: "checkout.not_purchasable"
        case .mixedCurrencies: "checkout.mixed_currencies"
        case .nothingToPay: "checkout.nothing_to_pay"
        case .tooLarge: "checkout.too_large"
        case .totalChanged: "checkout.total_changed"
        case .checkoutInProgress: "checkout.in_progress"
        case .tooManyUnpaid: "checkout.too_many_unpaid"
        case .checkoutUnfinished: "checkout.unfinished"
        case .checkoutExpired: "checkout.expired"
        case .notCancellable: "order.not_cancellable"
        case .alreadyShipped: "order.already_shipped"
        case .illegalTransition: "order.illegal_transition"
        case .paymentMismatch: "order.payment_mismatch"
        }
    }

    var message: String {
        switch self {
        case .notFound: "There is no such order."
        case .cartItemNotFound: "There is no such item in the cart."
        case .cartEmpty: "The cart is empty."
        case .cartFull: "A cart holds at most \(Cart.maximumLines) different items."
        case .quantityTooLarge: "At most \(Cart.maximumQuantity) of one item can be in a cart."
        case .guestCartFull(let limit):
            "A cart holds at most \(limit) different items unless you are signed in."
        case .tooManyGuestCarts: "Too many carts were opened from your network; sign in, or try again later."
        case .coolingDown(let count, _):
            "\(count) of your orders ended without payment within a day; wait before you place another one."
        case .notPurchasable: "Some items of the cart can't be bought as they stand."
        case .mixedCurrencies(let currencies):
            "The cart mixes currencies (\(currencies.map(\.code).joined(separator: ", "))); buy them separately."
        case .nothingToPay: "An order needs a total above zero."
        case .tooLarge: "The cart is too large for one order; buy it in parts."
        case .totalChanged(let expected, let actual):
            "The total is \(actual.formatted), not \(expected.formatted)."
        case .checkoutInProgress: "Another checkout of yours is still under way."
        case .tooManyUnpaid(let limit):
            "\(limit) orders of yours wait for their payment; pay or cancel one of them first."
        case .checkoutUnfinished: "The checkout goes on; ask again with the same Idempotency-Key."
        case .checkoutExpired: "The checkout took longer than there was time to pay."
        case .notCancellable(let status): "An order that is \(status.rawValue) can't be cancelled."
        case .alreadyShipped: "A part of this order has already been shipped."
        case .illegalTransition(let status, _): "That can't happen to an order that is \(status.rawValue)."
        case .paymentMismatch: "The payment doesn't fit the order."
        }
    }

    var detail: String? {
        switch self {
        case .illegalTransition(let status, let transition): "\(transition) of an order that is \(status)"
        case .paymentMismatch(let detail), .checkoutUnfinished(let detail): detail
        default: nil
        }
    }

    var fieldErrors: [FieldError] {
        switch self {
        case .notPurchasable(let errors): errors
        default: []
        }
    }

    var retryAfter: Duration? {
        switch self {
        case .checkoutInProgress, .checkoutUnfinished: .seconds(2)
        case .tooManyGuestCarts(let wait), .coolingDown(_, let wait): wait
        default: nil
        }
    }
}

/// A refusal that ended a checkout, kept with the order so that the same request gets the same answer again.
struct CheckoutRefusal: SoukError, Codable, Hashable {
    let kind: ErrorKind
    let code: String
    let message: String
    let detail: String?
    let fieldErrors: [FieldError]

    init(_ error: any SoukError, fieldErrors: [FieldError]? = nil) {
        kind = error.kind
        code = error.code
        message = error.message
        detail = error.detail
        self.fieldErrors = fieldErrors ?? error.fieldErrors
    }

    private enum CodingKeys: String, CodingKey {
        case kind, code, message, detail, fieldErrors
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let rawKind = try container.decode(String.self, forKey: .kind)
        kind = ErrorKind(rawValue: rawKind) ?? .conflict
        code = try container.decode(String.self, forKey: .code)
        message = try container.decode(String.self, forKey: .message)
        detail = try container.decodeIfPresent(String.self, forKey: .detail)
        fieldErrors = try container.decode([FieldError].self, forKey: .fieldErrors)
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(kind.rawValue, forKey: .kind)
        try container.encode(code, forKey: .code)
        try container.encode(message, forKey: .message)
        try container.encodeIfPresent(detail, forKey: .detail)
        try container.encode(fieldErrors, forKey: .fieldErrors)
    }
}
