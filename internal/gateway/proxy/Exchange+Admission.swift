import CoreMetrics
import NIOCore
import SoukAuthToken
import SoukCallContext
import SoukErrors
import SoukHTTP
import SoukHTTPWire
import SoukText

/// What a request has to pass before it goes anywhere. Each step goes on with the next; those that have to ask somebody come back
/// to the loop first.
extension Exchange {
    /// Whatever it asks for: first it counts as a request, and then it is looked at. Who is refused has been counted all the same.
    func admit() {
        if let field = head.first(.origin) { corsFields = route.policy.cors.fields(for: head.text(field)) }
        guard takeBudget() else { return }
        let (limits, client) = (route.clientLimits, countedClient)
        ask(limits, client: client) { $0.checkHead() }
    }

    private func checkHead() {
        if let field = head.first(.expect), head.text(field).lowercasedASCII() != "100-continue" {
            return refuse(.expectationFailed)
        }
        if case .length(let length) = head.framing, length > route.policy.maxBodyBytes {
            return refuse(.bodyTooLarge(route.policy.maxBodyBytes))
        }
        if head.method == .options, let origin = head.first(.origin),
            let wanted = head.first(.accessControlRequestMethod), wanted.valueLength > 0
        {
            return preflight(route.policy.cors, head.text(origin))
        }
        checkToken()
    }

    // MARK: - Access tokens

    private func checkToken() {
        guard route.policy.token != .ignored else { return checkAccount() }
        guard let field = head.first(.authorization) else {
            guard route.policy.token != .required else { return refuse(.accessTokenRequired) }
            return checkAccount()
        }
        guard head.fields.count(where: { $0.name == .authorization }) == 1,
            let range = head.withValue(field, BearerToken.range)
        else { return refuse(.accessTokenMalformed) }
        let tokens = state.gateway.tokens
        let cached = head.withValue(field) { tokens.cached(UnsafeRawBufferPointer(rebasing: $0[range])) }
        if let cached {
            principal = cached
            return checkAccount()
        }
        let token = head.withValue(field) { String(decoding: $0[range], as: UTF8.self) }
        state.pending(self) { exchange in
            do throws(TokenError) {
                let principal = try await tokens.verify(token)
                return {
                    exchange.principal = principal; exchange.checkAccount()
                }
            } catch {
                return { exchange.refuse(error) }
            }
        }
    }

    private func checkAccount() {
        guard let principal else { return readBodyAhead() }
        takeBudget(of: .account(principal.userID))
        ask(route.accountLimits, client: nil) { $0.readBodyAhead() }
    }

    // MARK: - Rate limits

    /// Goes on where no limit refuses.
    private func ask(
        _ limits: RouteLimits, client: RateKey?, then next: @escaping @Sendable (Exchange) -> Void
    ) {
        guard !limits.isEmpty else { return next(self) }
        let principal = principal
        guard limits.isShared else {
            let isAllowed = limits.admit(client: client, principal: principal, at: state.now, &rateReport)
            return isAllowed ? next(self) : refuse(.rateLimited)
        }
        state.pending(self) { exchange in
            var report = RateReport()
            let isAllowed = await limits.admitShared(client: client, principal: principal, &report)
            let result = report
            return {
                exchange.rateReport.add(result)
                isAllowed ? next(exchange) : exchange.refuse(.rateLimited)
            }
        }
    }

    /// Whether a trusted proxy says who asks.
    var isForwarded: Bool { peer.isTrusted && head.first(.xForwardedFor) != nil }

    /// Whom limits per client count; nil for somebody whom they don't concern.
    var countedClient: RateKey? {
        guard isForwarded else { return peer.isExempt ? nil : peer.rateKey }
        let address = clientAddress
        return state.policy.exempts(address) ? nil : RateKey(address: address)
    }

    // MARK: - Slots

    func takeSlot() {
        guard let gate = state.gate(of: route) else { return dispatch() }
        switch gate.enter(payers, self) {
        case .admitted:
            self.gate = gate
            dispatch()
        case .queued(let ticket):
            self.gate = gate
            self.ticket = ticket
            stage = .queued
            stageEnds = state.now + route.queueTimeout
        case .refused(.route):
            refuse(.overloaded)
        case .refused(.payer):
            state.gateway.refusals.slots.increment()
            refuse(.clientIsBusy)
        }
    }

    func releaseSlot() {
        guard let gate else { return }
        self.gate = nil
        if let ticket {
            self.ticket = nil
            gate.forget(ticket)
        } else {
            gate.leave(payers)
        }
    }

    private func dispatch() {
        stageEnds = .distantFuture
        guard route.upstream != nil else { return callLocal() }
        isUpgrading = head.wantsWebSocket
        connect()
    }
}

extension Exchange: SlotWaiter {
    func slotIsFree() {
        guard stage == .queued else { return }
        ticket = nil
        dispatch()
    }
}
