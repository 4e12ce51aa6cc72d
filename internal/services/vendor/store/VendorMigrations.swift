import SoukDatabase

/// The vendor service's schema.
enum VendorMigrations {
    static let all = [
        Migration(1, "accounts", portable: accounts),
        Migration(2, "stock", portable: stock),
        Migration(3, "fulfilment", portable: fulfilment),
        Migration(4, "limits", portable: limits),
        Migration(5, "large lines", portable: largeLines),
    ]

    /// Which lines of earlier large reservations made them large isn't known: all count, as before, until they are forgotten.
    private static let largeLines = [
        """
        ALTER TABLE reservation_lines ADD COLUMN is_large INTEGER NOT NULL DEFAULT 0
            CONSTRAINT reservation_line_is_large CHECK (is_large IN (0, 1))
        """,
        """
        UPDATE reservation_lines SET is_large = 1
        WHERE reservation_id IN (SELECT id FROM reservations WHERE is_large = 1)
        """,
    ]

    private static let limits = [
        "ALTER TABLE reservations ADD COLUMN holder TEXT",
        """
        ALTER TABLE reservations ADD COLUMN is_large INTEGER NOT NULL DEFAULT 0
            CONSTRAINT reservation_is_large CHECK (is_large IN (0, 1))
        """,
        "CREATE INDEX reservations_by_holder ON reservations (holder, state, updated_at)",
        """
        CREATE INDEX reservations_ended ON reservations (updated_at)
            WHERE state IN ('released', 'expired')
        """,
        """
        CREATE TABLE stock_changes (
            store_id TEXT NOT NULL REFERENCES stores (id),
            day INTEGER NOT NULL,
            changes INTEGER NOT NULL CHECK (changes >= 0),
            PRIMARY KEY (store_id, day)
        ) STRICT
        """,
    ]

    private static let accounts = [
        """
        CREATE TABLE vendors (
            id TEXT PRIMARY KEY,
            owner_id TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            slug TEXT NOT NULL UNIQUE,
            description TEXT,
            status TEXT NOT NULL CHECK (status IN ('pending', 'active', 'suspended', 'rejected')),
            status_reason TEXT,
            version INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX vendors_by_status ON vendors (status, id)",
        """
        CREATE TABLE stores (
            id TEXT PRIMARY KEY,
            vendor_id TEXT NOT NULL REFERENCES vendors (id),
            slug TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            description TEXT,
            status TEXT NOT NULL CHECK (status IN ('open', 'closed')),
            version INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX stores_by_vendor ON stores (vendor_id, id)",
        """
        CREATE TABLE applied_requests (
            scope TEXT NOT NULL,
            request_key TEXT NOT NULL,
            result TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            PRIMARY KEY (scope, request_key)
        ) STRICT
        """,
        "CREATE INDEX applied_requests_by_age ON applied_requests (created_at)",
    ]

    private static let stock = [
        """
        CREATE TABLE inventory (
            store_id TEXT NOT NULL REFERENCES stores (id),
            sku TEXT NOT NULL,
            on_hand INTEGER NOT NULL CHECK (on_hand >= 0),
            reserved INTEGER NOT NULL CHECK (reserved >= 0),
            low_stock_threshold INTEGER NOT NULL CHECK (low_stock_threshold >= 0),
            low_alerted INTEGER NOT NULL CHECK (low_alerted IN (0, 1)),
            updated_at INTEGER NOT NULL,
            PRIMARY KEY (store_id, sku),
            CHECK (reserved <= on_hand)
        ) STRICT
        """,
        "CREATE INDEX inventory_by_sku ON inventory (sku, store_id)",
        """
        CREATE TABLE inventory_movements (
            id TEXT PRIMARY KEY,
            store_id TEXT NOT NULL,
            sku TEXT NOT NULL,
            delta INTEGER NOT NULL CHECK (delta <> 0),
            reason TEXT NOT NULL
                CHECK (reason IN ('count', 'adjustment', 'sale', 'cancellation', 'return')),
            reference TEXT,
            note TEXT,
            created_at INTEGER NOT NULL,
            FOREIGN KEY (store_id, sku) REFERENCES inventory (store_id, sku)
        ) STRICT
        """,
        "CREATE INDEX inventory_movements_by_item ON inventory_movements (store_id, sku, id)",
        """
        CREATE TABLE reservations (
            id TEXT PRIMARY KEY,
            order_id TEXT NOT NULL UNIQUE,
            state TEXT NOT NULL CHECK (state IN ('held', 'committed', 'released', 'expired')),
            expires_at INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX reservations_held ON reservations (expires_at, id) WHERE state = 'held'",
        """
        CREATE TABLE reservation_lines (
            reservation_id TEXT NOT NULL REFERENCES reservations (id),
            store_id TEXT NOT NULL,
            sku TEXT NOT NULL,
            quantity INTEGER NOT NULL CHECK (quantity > 0),
            PRIMARY KEY (reservation_id, store_id, sku),
            FOREIGN KEY (store_id, sku) REFERENCES inventory (store_id, sku)
        ) STRICT
        """,
    ]

    private static let fulfilment = [
        """
        CREATE TABLE cancelled_orders (
            order_id TEXT PRIMARY KEY,
            created_at INTEGER NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE vendor_orders (
            id TEXT PRIMARY KEY,
            order_id TEXT NOT NULL,
            number TEXT NOT NULL,
            customer_id TEXT NOT NULL,
            vendor_id TEXT NOT NULL REFERENCES vendors (id),
            store_id TEXT NOT NULL REFERENCES stores (id),
            status TEXT NOT NULL CHECK
                (status IN ('new', 'accepted', 'partially_shipped', 'shipped', 'delivered', 'cancelled')),
            backordered INTEGER NOT NULL CHECK (backordered IN (0, 1)),
            total_amount INTEGER NOT NULL,
            currency TEXT NOT NULL,
            address TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX vendor_orders_by_order ON vendor_orders (order_id)",
        "CREATE INDEX vendor_orders_by_vendor ON vendor_orders (vendor_id, created_at, id)",
        """
        CREATE TABLE vendor_order_lines (
            vendor_order_id TEXT NOT NULL REFERENCES vendor_orders (id),
            id TEXT NOT NULL,
            position INTEGER NOT NULL,
            variant_id TEXT NOT NULL,
            sku TEXT NOT NULL,
            title TEXT NOT NULL,
            attributes TEXT NOT NULL,
            quantity INTEGER NOT NULL CHECK (quantity > 0),
            shipped INTEGER NOT NULL CHECK (shipped >= 0),
            claimed INTEGER NOT NULL CHECK (claimed >= 0),
            unit_amount INTEGER NOT NULL,
            total_amount INTEGER NOT NULL,
            PRIMARY KEY (vendor_order_id, id),
            CHECK (shipped <= quantity),
            CHECK (claimed <= shipped)
        ) STRICT
        """,
        """
        CREATE TABLE shipments (
            id TEXT PRIMARY KEY,
            vendor_order_id TEXT NOT NULL REFERENCES vendor_orders (id),
            carrier TEXT NOT NULL,
            tracking_number TEXT,
            status TEXT NOT NULL CHECK (status IN ('shipped', 'delivered')),
            created_at INTEGER NOT NULL,
            delivered_at INTEGER
        ) STRICT
        """,
        "CREATE INDEX shipments_by_vendor_order ON shipments (vendor_order_id, id)",
        """
        CREATE TABLE shipment_lines (
            shipment_id TEXT NOT NULL REFERENCES shipments (id),
            line_id TEXT NOT NULL,
            quantity INTEGER NOT NULL CHECK (quantity > 0),
            PRIMARY KEY (shipment_id, line_id)
        ) STRICT
        """,
        """
        CREATE TABLE returns (
            id TEXT PRIMARY KEY,
            vendor_order_id TEXT NOT NULL REFERENCES vendor_orders (id),
            status TEXT NOT NULL CHECK (status IN ('requested', 'approved', 'rejected')),
            reason TEXT NOT NULL,
            rejection_reason TEXT,
            restocked INTEGER CHECK (restocked IN (0, 1)),
            amount INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            decided_at INTEGER
        ) STRICT
        """,
        "CREATE INDEX returns_by_vendor_order ON returns (vendor_order_id)",
        """
        CREATE TABLE return_lines (
            return_id TEXT NOT NULL REFERENCES returns (id),
            line_id TEXT NOT NULL,
            quantity INTEGER NOT NULL CHECK (quantity > 0),
            PRIMARY KEY (return_id, line_id)
        ) STRICT
        """,
        "CREATE INDEX vendor_orders_by_customer ON vendor_orders (customer_id, created_at, id)",
    ]
}
