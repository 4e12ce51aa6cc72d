/// Somebody who waits for a slot.
protocol SlotWaiter: AnyObject {
    /// Its turn has come; it has the slot.
    func slotIsFree()
}

/// The slots of a route on one event loop, and who waits for one.
final class SlotGate {
    typealias Ticket = ConcurrencyGate<ClientBudget, any SlotWaiter>.Ticket
    typealias Entry = ConcurrencyGate<ClientBudget, any SlotWaiter>.Entry

    private var gate: ConcurrencyGate<ClientBudget, any SlotWaiter>
    private var isHandingOver = false

    init(_ gate: ConcurrencyGate<ClientBudget, any SlotWaiter>) {
        self.gate = gate
    }

    func enter(_ payers: Payers<ClientBudget>, _ waiter: any SlotWaiter) -> Entry {
        gate.enter(payers, waiter)
    }

    /// A slot is free: it goes to whoever is next, and so on as long as those who get one are done with it at once. In a loop, and
    /// not by calling each other, however many wait.
    func leave(_ payers: Payers<ClientBudget>) {
        gate.leave(payers)
        guard !isHandingOver else { return }
        isHandingOver = true
        while let next = gate.next() { next.slotIsFree() }
        isHandingOver = false
    }

    /// Somebody waits no longer.
    func forget(_ ticket: Ticket) { gate.abandon(ticket) }
}
