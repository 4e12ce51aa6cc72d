import Crypto
import SoukCallContext
import SoukDatabase
import SoukErrors
import SoukIDs
import SoukIdentifiers
import SoukText
import SoukTime

/// Who asks for a cart: a user, a guest with a token, both (then the guest's cart becomes the user's), or nobody yet.
struct CartAccess: Sendable, Hashable {
    let user: UserID?
    /// As the client sent it; not checked yet.
    let token: String?
    /// Where the request comes from, for limits of guests; nil for no limit.
    var network: String?
}

/// A cart as it is answered.
struct CartView: Sendable, Hashable {
    let priced: PricedCart
    /// The token that names a guest's cart from now on; only when it was made by this request.
    let newToken: String?
}

/// What people do with their carts.
struct Carts: Sendable {
    let database: any Database
    let pricing: CartPricing
    let clock: any WallClock
    let guests: GuestCartLimits
    private let store = CartStore()

    init(database: any Database, pricing: CartPricing, clock: any WallClock, guests: GuestCartLimits) {
        self.database = database
        self.pricing = pricing
        self.clock = clock
        self.guests = guests
    }

    /// The cart, priced now; empty when there is none.
    func view(_ access: CartAccess, _ context: CallContext) async throws -> CartView {
        guard let owner = try await owner(access) else { return CartView(priced: .empty, newToken: nil) }
        return CartView(priced: try await priced(owner, context), newToken: nil)
    }

    /// The cart of a user at the prices of this moment.
    func priced(_ owner: CartOwner, _ context: CallContext) async throws -> PricedCart {
        guard let cart = try await store.cart(of: owner, in: database) else { return .empty }
        return try pricing.price(cart, by: try await pricing.catalogue(cart.items.map(\.variantID), context))
    }

    /// Puts these lines in the place of all others. Lines of the same variant and store keep their id.
    ///
    /// - Parameter requests: at most 1,000.
    /// - Throws: `ValidationError` for lines that the shop doesn't sell; ``OrderError/guestCartFull(_:)``,
    ///   ``OrderError/tooManyGuestCarts(_:)``.
    func replace(_ requests: [CartItemRequest], _ access: CartAccess, _ context: CallContext) async throws
        -> CartView
    {
        let (owner, token) = try await writer(access)
        // A guest's cart begins with its first line.
        guard token == nil || !requests.isEmpty else { return CartView(priced: .empty, newToken: nil) }
        guard requests.count <= maximumLines(of: owner) else { throw fullError(owner) }
        let catalogue = try await pricing.catalogue(requests.map(\.variantID), context)
        let standing = try await store.cart(of: owner, in: database)?.items ?? []
        let items = try CartResolution(catalogue: catalogue, standing: standing)
            .resolve(requests) { "items[\($0)]" }
        let now = clock.now()
        try await database.transaction(isolation: .readCommitted) { tx in
            try await store.lock(owner, in: tx)
            let cart = try await touch(owner, isNew: token != nil, access, at: now, in: tx)
            try await store.replaceItems(of: cart, with: items, at: now, in: tx)
        }
        guard let cart = try await store.cart(of: owner, in: database) else {
            return CartView(priced: .empty, newToken: token)
        }
        // Another request may have changed the cart since; what the catalogue doesn't know is asked for again.
        let isKnown = cart.items.allSatisfy { catalogue.variants[$0.variantID] != nil }
        let current =
            isKnown ? catalogue : try await pricing.catalogue(cart.items.map(\.variantID), context)
        return CartView(priced: try pricing.price(cart, by: current), newToken: token)
    }

    /// Adds a line, or to the line of the same variant and store.
    ///
    /// - Throws: `ValidationError` for what the shop doesn't sell; ``OrderError/quantityTooLarge``,
    ///   ``OrderError/cartFull``, ``OrderError/guestCartFull(_:)``, ``OrderError/tooManyGuestCarts(_:)``.
    func add(_ request: CartItemRequest, _ access: CartAccess, _ context: CallContext) async throws
        -> CartView
    {
        let (owner, token) = try await writer(access)
        let catalogue = try await pricing.catalogue([request.variantID], context)
        let standing = try await store.cart(of: owner, in: database)?.items ?? []
        let items = try CartResolution(catalogue: catalogue, standing: standing).resolve([request]) { _ in ""
        }
        let now = clock.now()
        try await database.transaction(isolation: .readCommitted) { tx in
            try await store.lock(owner, in: tx)
            let id = try await touch(owner, isNew: token != nil, access, at: now, in: tx)
            let standing = try await store.cart(of: owner, in: tx)?.items ?? []
            for item in items {
                if let line = standing.first(where: {
                    $0.variantID == item.variantID && $0.storeID == item.storeID
                }) {
                    let sum = line.quantity + item.quantity
                    guard sum <= Cart.maximumQuantity else { throw OrderError.quantityTooLarge }
                    try await store.setQuantity(of: line.id, to: sum, in: tx)
                } else {
                    guard standing.count < maximumLines(of: owner) else { throw fullError(owner) }
                    try await store.insert([item], into: id, at: now, in: tx)
                }
            }
        }
        return CartView(priced: try await priced(owner, context), newToken: token)
    }

    /// - Throws: ``OrderError/cartItemNotFound`` for an item that isn't in the caller's cart.
    func setQuantity(
        of item: CartItemID, to quantity: Int, _ access: CartAccess, _ context: CallContext
    ) async throws -> CartView {
        guard let owner = try await owner(access) else { throw OrderError.cartItemNotFound }
        let now = clock.now()
        try await database.transaction(isolation: .readCommitted) { tx in
            try await store.lock(owner, in: tx)
            guard let cart = try await store.cart(of: owner, in: tx),
                cart.items.contains(where: { $0.id == item })
            else { throw OrderError.cartItemNotFound }
            _ = try await store.touch(owner, at: now, in: tx)
            try await store.setQuantity(of: item, to: quantity, in: tx)
        }
        return CartView(priced: try await priced(owner, context), newToken: nil)
    }

    /// - Throws: ``OrderError/cartItemNotFound`` for an item that isn't in the caller's cart.
    func remove(_ item: CartItemID, _ access: CartAccess) async throws {
        guard let owner = try await owner(access) else { throw OrderError.cartItemNotFound }
        let now = clock.now()
        try await database.transaction(isolation: .readCommitted) { tx in
            try await store.lock(owner, in: tx)
            guard let cart = try await store.cart(of: owner, in: tx),
                try await store.remove(item, from: cart.id, in: tx)
            else { throw OrderError.cartItemNotFound }
            _ = try await store.touch(owner, at: now, in: tx)
        }
    }

    /// Takes everything out; without a cart there is nothing to do.
    func clear(_ access: CartAccess) async throws {
        guard let owner = try await owner(access) else { return }
        let now = clock.now()
        try await database.transaction(isolation: .readCommitted) { tx in
            try await store.lock(owner, in: tx)
            guard let cart = try await store.cart(of: owner, in: tx), !cart.items.isEmpty else { return }
            _ = try await store.touch(owner, at: now, in: tx)
            try await store.replaceItems(of: cart.id, with: [], at: now, in: tx)
        }
    }

    /// Deletes carts that nobody touched for so long, and sooner those of guests who never came back; how many.
    func purge(untouchedFor age: Duration) async throws -> Int {
        let now = clock.now()
        return try await store.purge(
            untouchedSince: now - age, touchedOnceBefore: now - guests.untouchedLifetime, in: database)
    }

    // MARK: - Limits of guests

    private func maximumLines(of owner: CartOwner) -> Int {
        if case .guest = owner { guests.lines } else { Cart.maximumLines }
    }

    private func fullError(_ owner: CartOwner) -> OrderError {
        if case .guest = owner { .guestCartFull(guests.lines) } else { .cartFull }
    }

    /// The id of the owner's cart; a guest's new one is counted for its network, of which only a hash is stored.
    private func touch(
        _ owner: CartOwner, isNew: Bool, _ access: CartAccess, at now: Timestamp, in tx: some Transaction
    ) async throws -> CartID {
        guard isNew, let network = access.network.map(Self.digest) else {
            return try await store.touch(owner, at: now, in: tx)
        }
        let hour: Duration = .seconds(3_600)
        let carts = try await store.guestCarts(from: network, since: now - hour, in: tx)
        guard carts.all < guests.perNetwork else { throw OrderError.tooManyGuestCarts(hour) }
        guard carts.recent < guests.perHour else {
            throw OrderError.tooManyGuestCarts((carts.oldestRecent ?? now) + hour - now)
        }
        return try await store.touch(owner, from: network, at: now, in: tx)
    }

    // MARK: - Whose cart

    /// The owner of the cart that is asked for, a guest's cart merged into the user's; nil for a guest without one.
    func owner(_ access: CartAccess) async throws -> CartOwner? {
        let guest = Self.hash(access.token).map { CartOwner.guest(tokenHash: $0) }
        if let user = access.user {
            if let guest { try await merge(guest, into: user) }
            return .user(user)
        }
        guard let guest, try await store.cart(of: guest, in: database) != nil else { return nil }
        return guest
    }

    /// The owner for a write. A guest without a cart gets a new token: one is never taken from the client, who might
    /// have been made to send somebody else's.
    private func writer(_ access: CartAccess) async throws -> (CartOwner, newToken: String?) {
        if let owner = try await owner(access) { return (owner, nil) }
        let token = RandomToken.make()
        guard let hash = Self.hash(token) else { preconditionFailure("a new token has the form of a token") }
        return (.guest(tokenHash: hash), token)
    }

    private func merge(_ guest: CartOwner, into user: UserID) async throws {
        // Most requests carry a token whose cart was merged long ago: they need no transaction.
        guard try await store.cart(of: guest, in: database) != nil else { return }
        let now = clock.now()
        try await database.transaction(isolation: .readCommitted) { tx in
            try await store.lock(guest, in: tx)
            try await store.lock(.user(user), in: tx)
            guard let source = try await store.cart(of: guest, in: tx) else { return }
            let standing = try await store.cart(of: .user(user), in: tx)?.items ?? []
            let target = try await store.touch(.user(user), at: now, in: tx)
            let merge = CartMerge(guest: source.items, into: standing)
            for item in merge.changed {
                try await store.setQuantity(of: item.id, to: item.quantity, in: tx)
            }
            try await store.delete(source.id, in: tx)
            try await store.insert(merge.moved, into: target, at: now, in: tx)
        }
    }

    /// The SHA-256 under which a token's cart is stored; nil for what can't be one of our tokens.
    private static func hash(_ token: String?) -> String? {
        guard let token, token.utf8.count == 43 else { return nil }
        return digest(token)
    }

    /// SHA-256 in hexadecimal.
    private static func digest(_ text: String) -> String { SHA256.hash(data: Array(text.utf8)).hex }
}
