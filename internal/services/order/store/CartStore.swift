import SoukDatabase
import SoukIDs
import SoukIdentifiers
import SoukTime

/// Carts in the database.
struct CartStore: Sendable {
    /// Lets the transactions that change, or buy, an owner's cart take turns. Who locks several locks a guest's first.
    func lock(_ owner: CartOwner, in tx: some Transaction) async throws(DatabaseError) {
        switch owner {
        case .user(let user): try await tx.lock("customer:\(user)")
        case .guest(let hash): try await tx.lock("guest:\(hash)")
        }
    }

    /// The owner's cart, or nil.
    func cart(of owner: CartOwner, in executor: some SQLExecutor) async throws(DatabaseError) -> Cart? {
        let filter: SQL =
            switch owner {
            case .user(let user): "user_id = \(user)"
            case .guest(let hash): "token_hash = \(hash)"
            }
        guard
            let row = try await executor.first(
                "SELECT id, version, updated_at FROM carts WHERE \(sql: filter)")
        else { return nil }
        let id: CartID = try row.get("id")
        let rows = try await executor.query(
            """
            SELECT id, variant_id, store_id, quantity FROM cart_items
            WHERE cart_id = \(id) ORDER BY added_at, position, id LIMIT \(Cart.maximumLines)
            """)
        var items: [CartItem] = []
        items.reserveCapacity(rows.count)
        for row in rows {
            items.append(
                CartItem(
                    id: try row.get("id"), variantID: try row.get("variant_id"),
                    storeID: try row.get("store_id"),
                    quantity: try row.get("quantity")))
        }
        return Cart(
            id: id, version: try row.get("version"), updatedAt: try row.get("updated_at"), items: items)
    }

    /// The id of the owner's cart, made when there is none; its version grows.
    ///
    /// - Parameter network: where a guest's new cart comes from; nil for one that isn't counted.
    func touch(
        _ owner: CartOwner, from network: String? = nil, at now: Timestamp, in tx: some Transaction
    ) async throws -> CartID {
        let id = CartID()
        let row =
            switch owner {
            case .user(let user):
                try await tx.first(
                    """
                    INSERT INTO carts (id, user_id, version, created_at, updated_at)
                    VALUES (\(id), \(user), 1, \(now), \(now))
                    ON CONFLICT (user_id) DO UPDATE SET version = carts.version + 1, updated_at = excluded.updated_at
                    RETURNING id
                    """)
            case .guest(let hash):
                try await tx.first(
                    """
                    INSERT INTO carts (id, token_hash, network, version, created_at, updated_at)
                    VALUES (\(id), \(hash), \(network), 1, \(now), \(now))
                    ON CONFLICT (token_hash) DO UPDATE SET version = carts.version + 1, updated_at = excluded.updated_at
                    RETURNING id
                    """)
            }
        return try row?.get("id") ?? id
    }

    /// How many guests' carts a network has, how many of them since `moment`, and when the oldest of these was made. Who
    /// opens a cart afterwards takes turns with the network's others.
    func guestCarts(
        from network: String, since moment: Timestamp, in tx: some Transaction
    ) async throws(DatabaseError) -> (all: Int, recent: Int, oldestRecent: Timestamp?) {
        try await tx.lock("guests:\(network)")
        let row = try await tx.first(
            """
            SELECT COUNT(*) AS total,
                CAST(COALESCE(SUM(CASE WHEN created_at > \(moment) THEN 1 ELSE 0 END), 0) AS BIGINT) AS recent,
                MIN(CASE WHEN created_at > \(moment) THEN created_at END) AS oldest
            FROM carts WHERE network = \(network)
            """)
        guard let row else { return (0, 0, nil) }
        return (try row.get("total"), try row.get("recent"), try row.get("oldest"))
    }

    /// Takes everything out and puts these lines in.
    func replaceItems(
        of cart: CartID, with items: [CartItem], at now: Timestamp, in tx: some Transaction
    ) async throws(DatabaseError) {
        try await tx.execute("DELETE FROM cart_items WHERE cart_id = \(cart)")
        try await insert(items, into: cart, at: now, in: tx)
    }

    func insert(
        _ items: [CartItem], into cart: CartID, at now: Timestamp, in tx: some Transaction
    ) async throws(DatabaseError) {
        for (chunk, items) in items.chunked(50).enumerated() {
            let rows = items.enumerated().map { index, item -> SQL in
                """
                (\(item.id), \(cart), \(item.variantID), \(item.storeID), \(item.quantity), \(now), \
                \(chunk * 50 + index))
                """
            }
            try await tx.execute(
                """
                INSERT INTO cart_items (id, cart_id, variant_id, store_id, quantity, added_at, position)
                VALUES \(sql: rows.joined(separator: ", "))
                """)
        }
    }

    func setQuantity(of item: CartItemID, to quantity: Int, in tx: some Transaction)
        async throws(DatabaseError)
    {
        try await tx.execute("UPDATE cart_items SET quantity = \(quantity) WHERE id = \(item)")
    }

    /// Whether there was such an item.
    func remove(_ item: CartItemID, from cart: CartID, in tx: some Transaction) async throws(DatabaseError)
        -> Bool
    {
        try await tx.execute("DELETE FROM cart_items WHERE id = \(item) AND cart_id = \(cart)") > 0
    }

    func delete(_ cart: CartID, in tx: some Transaction) async throws(DatabaseError) {
        try await tx.execute("DELETE FROM carts WHERE id = \(cart)")
    }

    /// Takes out of the customer's cart what an order bought: lines go when no more than that is in them.
    func removeBought(
        by order: OrderID, of customer: UserID, at now: Timestamp, in tx: some Transaction
    ) async throws(DatabaseError) {
        try await lock(.user(customer), in: tx)
        let bought: SQL = """
            SELECT l.quantity FROM order_lines l WHERE l.order_id = \(order) AND l.cart_item_id = cart_items.id
            """
        let mine: SQL = """
            cart_id = (SELECT id FROM carts WHERE user_id = \(customer))
            AND id IN (SELECT cart_item_id FROM order_lines WHERE order_id = \(order))
            """
        let removed = try await tx.execute(
            "DELETE FROM cart_items WHERE \(sql: mine) AND quantity <= (\(sql: bought))")
        let reduced = try await tx.execute(
            "UPDATE cart_items SET quantity = quantity - (\(sql: bought)) WHERE \(sql: mine)")
        guard removed + reduced > 0 else { return }
        try await tx.execute(
            "UPDATE carts SET version = version + 1, updated_at = \(now) WHERE user_id = \(customer)")
    }

    /// Deletes carts that nobody touched since `moment`, and guests' carts that were touched once only, before `first`; how
    /// many.
    func purge(
        untouchedSince moment: Timestamp, touchedOnceBefore first: Timestamp, in database: any Database
    ) async throws -> Int {
        let batch = 500
        let untouched = try await database.executeInBatches(of: batch) {
            """
            DELETE FROM carts WHERE id IN (
                SELECT id FROM carts WHERE updated_at < \(moment) ORDER BY updated_at LIMIT \(batch))
            """
        }
        let touchedOnce = try await database.executeInBatches(of: batch) {
            """
            DELETE FROM carts WHERE id IN (
                SELECT id FROM carts
                WHERE token_hash IS NOT NULL AND version = 1 AND updated_at < \(first) LIMIT \(batch))
            """
        }
        return untouched + touchedOnce
    }
}
