import SoukDatabase
import SoukEventsRuntime
import SoukTime
import SoukVendorKernel

/// Everything that the service does, put together on one database.
struct VendorUseCases: Sendable {
    let accounts: VendorAccounts
    let storefronts: Storefronts
    let stock: StockKeeping
    let reservations: Reservations
    let orders: PaidOrders
    let fulfilment: Fulfilment
    let returns: Returns
    let kernel: LocalVendorKernel

    init(
        database: any Database, outbox: Outbox, clock: any WallClock, limits: VendorLimits, holds: HoldLimits
    ) {
        let ledger = StockLedger(outbox: outbox)
        accounts = VendorAccounts(database: database, outbox: outbox, clock: clock)
        storefronts = Storefronts(database: database, clock: clock, maximumStores: limits.stores)
        stock = StockKeeping(database: database, ledger: ledger, clock: clock, limits: limits)
        reservations = Reservations(database: database, ledger: ledger, clock: clock, limits: holds)
        orders = PaidOrders(reservations: reservations, ledger: ledger, outbox: outbox, clock: clock)
        fulfilment = Fulfilment(database: database, ledger: ledger, outbox: outbox, clock: clock)
        returns = Returns(database: database, ledger: ledger, outbox: outbox, clock: clock)
        kernel = LocalVendorKernel(database: database, reservations: reservations, fulfilment: fulfilment)
    }
}
