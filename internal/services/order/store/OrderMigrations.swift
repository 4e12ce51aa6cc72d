import SoukDatabase

/// The tables of the order service.
///
/// The constraints hold what must never be untrue, whatever the code above does: a line's total is its unit price times
/// its quantity, an order's total is the sum of its parts and of its lines, and no more is refunded than was to be paid.
enum OrderMigrations {
    static let all: [Migration] = [
        Migration(1, "carts", portable: carts),
        Migration(2, "orders", portable: orders),
        Migration(3, "fulfilment", portable: fulfilment),
        Migration(4, "sagas", portable: sagas),
        Migration(5, "owners of sagas", portable: ["ALTER TABLE sagas ADD COLUMN owner TEXT"]),
        Migration(
            6, "networks of guests",
            portable: [
                "ALTER TABLE carts ADD COLUMN network TEXT",
                "CREATE INDEX carts_by_network ON carts (network, created_at) WHERE network IS NOT NULL",
            ]),
    ]

    private static let carts = [
        """
        CREATE TABLE carts (
            id TEXT NOT NULL PRIMARY KEY,
            user_id TEXT UNIQUE,
            token_hash TEXT UNIQUE,
            version INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            CONSTRAINT cart_has_one_owner CHECK ((user_id IS NULL) <> (token_hash IS NULL))
        ) STRICT
        """,
        "CREATE INDEX carts_by_age ON carts (updated_at)",
        """
        CREATE TABLE cart_items (
            id TEXT NOT NULL PRIMARY KEY,
            cart_id TEXT NOT NULL REFERENCES carts (id) ON DELETE CASCADE,
            variant_id TEXT NOT NULL,
            store_id TEXT NOT NULL,
            quantity INTEGER NOT NULL,
            added_at INTEGER NOT NULL,
            position INTEGER NOT NULL,
            CONSTRAINT cart_item_quantity CHECK (quantity BETWEEN 1 AND 10000),
            UNIQUE (cart_id, variant_id, store_id)
        ) STRICT
        """,
    ]

    private static let orders = [
        """
        CREATE TABLE orders (
            id TEXT NOT NULL PRIMARY KEY,
            number TEXT NOT NULL UNIQUE,
            customer_id TEXT NOT NULL,
            idempotency_key TEXT NOT NULL,
            status TEXT NOT NULL,
            currency TEXT NOT NULL,
            lines_amount INTEGER NOT NULL,
            parts_amount INTEGER NOT NULL,
            total_amount INTEGER NOT NULL,
            refunded_amount INTEGER NOT NULL DEFAULT 0,
            line_count INTEGER NOT NULL,
            reference TEXT,
            address TEXT NOT NULL,
            cancel_reason TEXT,
            was_paid INTEGER NOT NULL DEFAULT 0,
            payment_id TEXT,
            payment_state TEXT,
            pay_url TEXT,
            failure TEXT,
            expires_at INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            placed_at INTEGER,
            paid_at INTEGER,
            UNIQUE (customer_id, idempotency_key),
            CONSTRAINT order_status CHECK (status IN ('creating', 'awaiting_payment', 'paid', 'partially_shipped',
                'shipped', 'delivered', 'cancelling', 'cancelled', 'expired', 'failed')),
            CONSTRAINT order_total_is_positive CHECK (total_amount > 0),
            CONSTRAINT order_total_is_its_lines CHECK (total_amount = lines_amount),
            CONSTRAINT order_total_is_its_parts CHECK (total_amount = parts_amount),
            CONSTRAINT order_refund_within_total CHECK (refunded_amount BETWEEN 0 AND total_amount),
            CONSTRAINT order_cancel_reason CHECK (cancel_reason IS NULL
                OR cancel_reason IN ('customer', 'expired', 'payment_failed', 'checkout_failed')),
            CONSTRAINT order_was_paid CHECK (was_paid IN (0, 1))
        ) STRICT
        """,
        "CREATE INDEX orders_by_customer ON orders (customer_id, created_at DESC, id DESC)",
        "CREATE INDEX orders_by_age ON orders (created_at DESC, id DESC)",
        "CREATE INDEX orders_by_status ON orders (status, created_at, id)",
        "CREATE INDEX orders_by_expiry ON orders (status, expires_at)",
        "CREATE INDEX orders_by_reference ON orders (reference, created_at DESC)",
        """
        CREATE TABLE order_parts (
            vendor_order_id TEXT NOT NULL PRIMARY KEY,
            order_id TEXT NOT NULL REFERENCES orders (id),
            position INTEGER NOT NULL,
            vendor_id TEXT NOT NULL,
            store_id TEXT NOT NULL,
            store_name TEXT NOT NULL,
            status TEXT NOT NULL,
            total_amount INTEGER NOT NULL,
            UNIQUE (order_id, store_id),
            CONSTRAINT order_part_status CHECK (status IN ('pending', 'accepted', 'partially_shipped', 'shipped',
                'delivered', 'cancelled')),
            CONSTRAINT order_part_total CHECK (total_amount >= 0)
        ) STRICT
        """,
        """
        CREATE TABLE order_lines (
            id TEXT NOT NULL PRIMARY KEY,
            order_id TEXT NOT NULL REFERENCES orders (id),
            position INTEGER NOT NULL,
            vendor_order_id TEXT NOT NULL REFERENCES order_parts (vendor_order_id),
            cart_item_id TEXT NOT NULL,
            variant_id TEXT NOT NULL,
            product_id TEXT NOT NULL,
            sku TEXT NOT NULL,
            title TEXT NOT NULL,
            attributes TEXT NOT NULL,
            quantity INTEGER NOT NULL,
            unit_amount INTEGER NOT NULL,
            total_amount INTEGER NOT NULL,
            UNIQUE (order_id, position),
            UNIQUE (order_id, cart_item_id),
            CONSTRAINT order_line_quantity CHECK (quantity BETWEEN 1 AND 10000),
            CONSTRAINT order_line_price CHECK (unit_amount >= 0),
            CONSTRAINT order_line_total CHECK (total_amount = unit_amount * quantity)
        ) STRICT
        """,
    ]

    private static let fulfilment = [
        """
        CREATE TABLE order_shipments (
            id TEXT NOT NULL PRIMARY KEY,
            order_id TEXT NOT NULL REFERENCES orders (id),
            vendor_order_id TEXT NOT NULL REFERENCES order_parts (vendor_order_id),
            carrier TEXT NOT NULL,
            tracking_number TEXT,
            lines TEXT NOT NULL,
            shipped_at INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX order_shipments_by_order ON order_shipments (order_id, shipped_at)",
        """
        CREATE TABLE order_returns (
            id TEXT NOT NULL PRIMARY KEY,
            order_id TEXT NOT NULL REFERENCES orders (id),
            vendor_order_id TEXT REFERENCES order_parts (vendor_order_id),
            status TEXT NOT NULL,
            amount INTEGER,
            reason TEXT,
            CONSTRAINT order_return_status CHECK (status IN ('requested', 'approved', 'rejected'))
        ) STRICT
        """,
        "CREATE INDEX order_returns_by_order ON order_returns (order_id, id)",
    ]

    private static let sagas = [
        """
        CREATE TABLE sagas (
            order_id TEXT NOT NULL PRIMARY KEY REFERENCES orders (id),
            step TEXT NOT NULL,
            attempts INTEGER NOT NULL DEFAULT 0,
            next_at INTEGER NOT NULL,
            claimed_until INTEGER NOT NULL DEFAULT 0,
            last_error TEXT,
            CONSTRAINT saga_step CHECK (step IN ('reserve', 'create_intent', 'undo_intent', 'undo_stock',
                'cancel_intent', 'cancel_fulfilment'))
        ) STRICT
        """,
        "CREATE INDEX sagas_by_due ON sagas (next_at)",
        // No reference to orders: money may turn up for an order that isn't known here, and must go back all the same.
        """
        CREATE TABLE refund_requests (
            order_id TEXT NOT NULL PRIMARY KEY,
            reason TEXT NOT NULL,
            created_at INTEGER NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE reconciler_state (
            name TEXT NOT NULL PRIMARY KEY,
            value INTEGER NOT NULL
        ) STRICT
        """,
    ]
}
