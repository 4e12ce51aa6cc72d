import CoreMetrics
import NIOCore

/// What a request counts for in the budgets of its client and account.
extension Exchange {
    /// Counts it among its client's requests. False when there are too many, and it has been refused.
    func takeBudget() -> Bool {
        guard let client = budgetOfClient else { return true }
        guard client.requests.take(1, of: state.policy.connectionPart) else {
            state.gateway.refusals.requests.increment()
            refuse(.clientIsBusy)
            return false
        }
        payers.client = client
        isCounted = true
        return true
    }

    /// The account pays as well from now on. No account does where the client itself doesn't.
    func takeBudget(of account: RateKey) {
        guard payers.client != nil else { return }
        payers.account = peer.budget(of: account, in: state.gateway.budgets, at: state.now)
    }

    /// Counts bytes of the body that are in memory from now on. False when there are too many, and it has been refused.
    func charge(_ bytes: Int) -> Bool {
        let (part, all) = (state.policy.bodyPart, state.policy.policy.budgets.bodyMemory)
        guard take(bytes, \.client, part) else { return refuseBody() }
        guard take(bytes, \.account, part) else {
            payers.client?.bodyBytes.giveBack(bytes)
            return refuseBody()
        }
        guard state.gateway.bodyBytes.take(bytes, of: all) else {
            payers.client?.bodyBytes.giveBack(bytes)
            payers.account?.bodyBytes.giveBack(bytes)
            return refuseBody()
        }
        bodyInMemory += bytes
        return true
    }

    /// The bytes of the body are no longer in memory.
    func uncharge() {
        guard bodyInMemory > 0 else { return }
        payers.client?.bodyBytes.giveBack(bodyInMemory)
        payers.account?.bodyBytes.giveBack(bodyInMemory)
        state.gateway.bodyBytes.giveBack(bodyInMemory)
        bodyInMemory = 0
    }

    /// So many bytes wait for this exchange in its stream or connection, where the client's account is not known yet. Where that
    /// is too many the exchange is refused.
    func keep(_ bytes: Int) {
        let more = bytes - bodyWaiting
        guard more > 0, stage != .over else { return }
        guard take(more, \.client, state.policy.bodyPart) else { return _ = refuseBody() }
        guard state.gateway.bodyBytes.take(more, of: state.policy.policy.budgets.bodyMemory) else {
            payers.client?.bodyBytes.giveBack(more)
            return _ = refuseBody()
        }
        bodyWaiting = bytes
    }

    /// What waited is passed on.
    func letGo() {
        guard bodyWaiting > 0 else { return }
        payers.client?.bodyBytes.giveBack(bodyWaiting)
        state.gateway.bodyBytes.giveBack(bodyWaiting)
        bodyWaiting = 0
    }

    /// Gives everything back.
    func releaseBudget() {
        uncharge()
        letGo()
        readAhead = nil
        guard isCounted else { return }
        isCounted = false
        payers.client?.requests.giveBack(1)
    }

    private func take(_ bytes: Int, _ payer: KeyPath<Payers<ClientBudget>, ClientBudget?>, _ part: Int)
        -> Bool
    {
        payers[keyPath: payer]?.bodyBytes.take(bytes, of: part) ?? true
    }

    private func refuseBody() -> Bool {
        state.gateway.refusals.bodyMemory.increment()
        refuse(.tooManyBodies)
        return false
    }

    /// The peer's, or that of whom a trusted proxy names; nil for somebody whom no part of anything concerns.
    private var budgetOfClient: ClientBudget? {
        guard isForwarded else { return peer.budget }
        return countedClient.map { state.gateway.budgets.budget(of: $0, at: state.now) }
    }
}
