import SoukDatabase
package import SoukEnv
package import SoukEventsRuntime
package import SoukHTTP
import SoukIdempotency
package import SoukProductKernel
package import SoukService
import SoukTime
package import SoukVendorKernel
package import ServiceLifecycle

/// The registry of products: what vendors sell, in which variants, at what price, on which shelf.
///
/// Offers `/api/v1/products/…`, `/api/v1/vendor/products`, `/api/v1/categories` and `/api/v1/admin/categories/…`.
/// It publishes no events, and follows the standing of vendors.
package final class ProductService: HostedService {
    /// What it is called in logs, metrics and databases.
    package let name: String

    /// What its peers in this process call.
    package let kernel: any ProductKernel

    private let resources: ServiceResources
    private let products: SQLProductStore
    private let runtime: EventRuntime
    private let idempotency: Idempotency
    private let catalogueRoutes: CatalogueRoutes
    private let vendorRoutes: VendorProductRoutes
    private let categoryRoutes: CategoryRoutes

    private static let purgeInterval = Duration.seconds(60 * 60)
    /// How long a product remembers the key it was made with: longer than the answer under that key is kept.
    private static let keyRetention = Idempotency.retention + .seconds(60 * 60)

    /// The service over its own database, configured by `SOUK_PRODUCT_…`.
    ///
    /// - Parameter vendors: Says which vendor a caller acts for.
    /// - Throws: `ConfigurationError` naming the variable.
    package convenience init(
        resources: ServiceResources, vendors: any VendorKernel
    ) throws(ConfigurationError) {
        self.init(
            resources: resources, vendors: vendors,
            configuration: try ProductConfiguration(resources.environment))
    }

    init(resources: ServiceResources, vendors: any VendorKernel, configuration: ProductConfiguration) {
        let (database, clock) = (resources.database, resources.clock)
        let changes = CatalogueChanges()
        let products = SQLProductStore(
            database: database, changes: changes, maximumProducts: configuration.maximumProducts)
        let categories = SQLCategoryStore(database: database, changes: changes)
        let directory = VendorDirectory(vendors: vendors)
        let idempotency = Idempotency(database: database, clock: clock, limits: configuration.idempotency)
        name = resources.name
        kernel = LocalProductKernel(products: products)
        self.resources = resources
        self.products = products
        runtime = EventRuntime(
            service: resources.name, database: database, broker: resources.broker, clock: clock)
        self.idempotency = idempotency
        catalogueRoutes = CatalogueRoutes(
            catalogue: Catalogue(products: products, categories: categories, directory: directory),
            pages: ShelfPages(changes: changes))
        vendorRoutes = VendorProductRoutes(
            editor: ProductEditor(products: products, clock: clock), directory: directory,
            idempotency: idempotency)
        categoryRoutes = CategoryRoutes(editor: CategoryEditor(categories: categories, clock: clock))
    }

    package func prepare() async throws {
        try await Migrator.migrate(resources.database, ProductMigrations.all, set: ProductMigrations.set)
        try await Migrator.migrate(resources.database, EventRuntime.migrations, set: "events")
        try await Migrator.migrate(resources.database, Idempotency.migrations, set: "idempotency")
        try await idempotency.recover()
    }

    package func registerRoutes(_ routes: Routes) {
        catalogueRoutes.register(on: routes)
        vendorRoutes.register(on: routes)
        categoryRoutes.register(on: routes)
    }

    package var backgroundServices: [any Service] {
        let (idempotency, products, clock) = (idempotency, products, resources.clock)
        return runtime.services(
            handlers: VendorStandingConsumer.events.bound(to: VendorStandingConsumer(products: products))) + [
                PeriodicJob(name: "product.purge", every: Self.purgeInterval, clock: clock) {
                    try await idempotency.purge()
                    try await products.forgetCreationKeys(before: clock.now() - Self.keyRetention)
                }
            ]
    }

    package var events: (any EventAdministration)? { runtime.administration }
}
