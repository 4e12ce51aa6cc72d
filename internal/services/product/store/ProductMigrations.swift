import SoukDatabase

/// The product service's schema.
enum ProductMigrations {
    static let set = "product"

    static let all: [Migration] = [
        Migration(
            1, "categories",
            portable: [
                """
                CREATE TABLE categories (
                    id TEXT NOT NULL PRIMARY KEY,
                    parent_id TEXT REFERENCES categories (id),
                    slug TEXT NOT NULL CONSTRAINT categories_slug_unique UNIQUE,
                    name TEXT NOT NULL,
                    position INTEGER NOT NULL,
                    version INTEGER NOT NULL,
                    created_at INTEGER NOT NULL,
                    updated_at INTEGER NOT NULL
                ) STRICT
                """,
                "CREATE INDEX categories_by_parent ON categories (parent_id)",
            ]),
        Migration(
            2, "products",
            portable: [
                // min_price is that of the active variants, null without any; search_text and sort_name are folded.
                """
                CREATE TABLE products (
                    id TEXT NOT NULL PRIMARY KEY,
                    vendor_id TEXT NOT NULL,
                    name TEXT NOT NULL,
                    slug TEXT NOT NULL,
                    description TEXT NOT NULL,
                    status TEXT NOT NULL CHECK (status IN ('draft', 'published', 'archived')),
                    attributes TEXT NOT NULL,
                    sort_name TEXT NOT NULL,
                    search_text TEXT NOT NULL,
                    currency TEXT NOT NULL,
                    min_price INTEGER,
                    creation_key TEXT,
                    version INTEGER NOT NULL,
                    created_at INTEGER NOT NULL,
                    updated_at INTEGER NOT NULL,
                    published_at INTEGER,
                    CONSTRAINT products_slug_unique UNIQUE (vendor_id, slug),
                    CONSTRAINT products_creation_key_unique UNIQUE (vendor_id, creation_key)
                ) STRICT
                """,
                "CREATE INDEX products_newest ON products (status, published_at, id)",
                "CREATE INDEX products_by_price ON products (status, min_price, id)",
                "CREATE INDEX products_by_name ON products (status, sort_name, id)",
                "CREATE INDEX products_by_vendor ON products (vendor_id, created_at, id)",
                "CREATE INDEX products_keyed ON products (created_at) WHERE creation_key IS NOT NULL",
                """
                CREATE TABLE variants (
                    id TEXT NOT NULL PRIMARY KEY,
                    product_id TEXT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
                    vendor_id TEXT NOT NULL,
                    sku TEXT NOT NULL,
                    attributes TEXT NOT NULL,
                    price_amount INTEGER NOT NULL CHECK (price_amount > 0),
                    price_currency TEXT NOT NULL,
                    position INTEGER NOT NULL,
                    status TEXT NOT NULL CHECK (status IN ('active', 'withdrawn')),
                    CONSTRAINT variants_sku_unique UNIQUE (vendor_id, sku)
                ) STRICT
                """,
                "CREATE INDEX variants_by_product ON variants (product_id, position, id)",
                """
                CREATE TABLE product_media (
                    product_id TEXT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
                    position INTEGER NOT NULL,
                    url TEXT NOT NULL,
                    alt TEXT NOT NULL,
                    PRIMARY KEY (product_id, position)
                ) STRICT
                """,
                """
                CREATE TABLE product_categories (
                    product_id TEXT NOT NULL REFERENCES products (id) ON DELETE CASCADE,
                    position INTEGER NOT NULL,
                    category_id TEXT NOT NULL REFERENCES categories (id),
                    PRIMARY KEY (product_id, position)
                ) STRICT
                """,
                "CREATE UNIQUE INDEX product_categories_by_category ON product_categories (category_id, product_id)",
            ]),
        Migration(
            3, "vendors off the shelf",
            portable: [
                """
                CREATE TABLE vendors_off_shelf (
                    vendor_id TEXT NOT NULL PRIMARY KEY,
                    since INTEGER NOT NULL
                ) STRICT
                """
            ]),
        // What a text contains, by its groups of three characters: SQLite's FTS5, which is kept up by whoever writes products, as
        // the schema may not (`trusted_schema`); PostgreSQL's pg_trgm: where that is not installed a search looks at every product.
        Migration(
            4, "search",
            sqlite: [
                "CREATE VIRTUAL TABLE products_search USING fts5 (search_text, content = 'products', tokenize = 'trigram')",
                "INSERT INTO products_search (products_search) VALUES ('rebuild')",
            ],
            postgres: [
                """
                DO $$ BEGIN
                    IF EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
                        CREATE EXTENSION IF NOT EXISTS pg_trgm;
                        CREATE INDEX products_search ON products USING gin (search_text gin_trgm_ops);
                    END IF;
                END $$
                """
            ]),
    ]
}
