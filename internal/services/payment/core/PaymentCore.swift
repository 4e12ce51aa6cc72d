import Logging
import SoukDatabase
import SoukEventsRuntime
import SoukPaymentKernel
import SoukService
import SoukTime

/// The parts of the payment service, put together: everything but HTTP and the broker.
struct PaymentCore: Sendable {
    /// How often the refund worker looks when nobody wakes it.
    private static let refundInterval: Duration = .seconds(5)

    let intents = IntentStore()
    let refundStore = RefundStore()
    let commissions: CommissionStore
    let refunds: Refunds
    let workflow: IntentWorkflow
    let webhooks: WebhookReceiver
    let refundWorker: RefundWorker
    let reconciler: Reconciler
    let refundJob: PeriodicJob
    let reconcileJob: PeriodicJob
    let kernel: LocalPaymentKernel

    init(
        database: any Database, outbox: Outbox, provider: any PaymentProvider, options: PaymentOptions,
        clock: any WallClock, logger: Logger
    ) {
        let ledger = Ledger(clock: clock)
        // The worker's own view of refunds: it books them and has nobody to wake.
        let booking = Refunds(
            intents: intents, store: refundStore, ledger: ledger, outbox: outbox, clock: clock,
            logger: logger,
            wake: {})
        let worker = RefundWorker(
            database: database, intents: intents, store: refundStore, refunds: booking, provider: provider,
            clock: clock, logger: logger)
        let refundJob = PeriodicJob(name: "payment.refunds", every: Self.refundInterval, clock: clock) {
            try await worker.run()
        }
        refundWorker = worker
        self.refundJob = refundJob
        refunds = Refunds(
            intents: intents, store: refundStore, ledger: ledger, outbox: outbox, clock: clock,
            logger: logger,
            wake: { refundJob.wake() })
        commissions = CommissionStore(defaultBasisPoints: options.commissionBasisPoints)
        let updates = ChargeUpdates(
            intents: intents, commissions: commissions, refunds: refunds, ledger: ledger, outbox: outbox,
            clock: clock, logger: logger)
        workflow = IntentWorkflow(
            database: database, store: intents, updates: updates, provider: provider, options: options,
            clock: clock, logger: logger)
        let events = WebhookStore()
        webhooks = WebhookReceiver(
            database: database, intents: intents, events: events, updates: updates, provider: provider,
            clock: clock, logger: logger)
        let reconciler = Reconciler(
            database: database, store: intents, events: events, updates: updates, workflow: workflow,
            provider: provider, after: options.reconcileAfter, clock: clock, logger: logger)
        self.reconciler = reconciler
        reconcileJob = PeriodicJob(name: "payment.reconciler", every: options.reconcileInterval, clock: clock)
        {
            try await reconciler.run()
        }
        kernel = LocalPaymentKernel(database: database, store: intents, workflow: workflow)
    }
}
