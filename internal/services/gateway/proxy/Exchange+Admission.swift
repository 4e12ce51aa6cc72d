import NIOCore
import SoukAuthToken
import SoukErrors
import SoukHTTP
import SoukHTTPWire
import SoukText

/// What a request has to pass before it goes anywhere. Each step goes on with the next; those that have to ask somebody come back
/// to the loop first.
extension Exchange {
    func admit() {
        if let field = head.first(.expect), head.text(field).lowercasedASCII() != "100-continue" {
            return refuse(.expectationFailed)
        }
        if case .length(let length) = head.framing, length > route.policy.maxBodyBytes {
            return refuse(.bodyTooLarge(route.policy.maxBodyBytes))
        }
        if let field = head.first(.origin) {
            let origin = head.text(field)
            if head.method == .options, let wanted = head.first(.accessControlRequestMethod),
                wanted.valueLength > 0
            {
                return preflight(route.policy.cors, origin)
            }
            corsFields = route.policy.cors.fields(for: origin)
        }
        checkToken()
    }

    // MARK: - Access tokens

    private func checkToken() {
        guard route.policy.token != .ignored else { return checkLimits() }
        guard let field = head.first(.authorization) else {
            guard route.policy.token != .required else { return refuse(.accessTokenRequired) }
            return checkLimits()
        }
        guard head.fields.count(where: { $0.name == .authorization }) == 1,
            let range = head.withValue(field, BearerToken.range)
        else { return refuse(.accessTokenMalformed) }
        let tokens = state.gateway.tokens
        let cached = head.withValue(field) { tokens.cached(UnsafeRawBufferPointer(rebasing: $0[range])) }
        if let cached {
            principal = cached
            return checkLimits()
        }
        let token = head.withValue(field) { String(decoding: $0[range], as: UTF8.self) }
        state.pending(self) { exchange in
            do throws(TokenError) {
                let principal = try await tokens.verify(token)
                return {
                    exchange.principal = principal; exchange.checkLimits()
                }
            } catch {
                return { exchange.refuse(error) }
            }
        }
    }

    // MARK: - Rate limits

    private func checkLimits() {
        let limits = route.limits
        guard !limits.isEmpty else { return takePlace() }
        let (client, principal) = (countedClient, principal)
        guard limits.isShared else {
            var report = RateReport()
            let isAllowed = limits.admit(client: client, principal: principal, at: state.now, &report)
            return note(report, isAllowed: isAllowed)
        }
        state.pending(self) { exchange in
            var report = RateReport()
            let isAllowed = await limits.admitShared(client: client, principal: principal, &report)
            let result = report
            return { exchange.note(result, isAllowed: isAllowed) }
        }
    }

    private func note(_ report: RateReport, isAllowed: Bool) {
        report.write(into: &rateFields)
        isAllowed ? takePlace() : refuse(.rateLimited)
    }

    /// Whom limits per client count; nil for somebody whom they don't concern.
    private var countedClient: RateKey? {
        guard peer.isTrusted, head.first(.xForwardedFor) != nil else {
            return peer.isExempt ? nil : peer.rateKey
        }
        let address = clientAddress
        return state.policy.exempts(address) ? nil : RateKey(address: address)
    }

    // MARK: - Places

    private func takePlace() {
        gate = state.gate(of: route)
        guard let gate else { return dispatch() }
        switch gate.enter() {
        case .admitted:
            holdsPlace = true
            dispatch()
        case .queued:
            stage = .queued
            stageEnds = state.now + route.queueTimeout
            gate.wait(self)
        case .refused:
            refuse(.overloaded)
        }
    }

    /// Its turn has come.
    func enterFromQueue() {
        guard stage == .queued else { return }
        holdsPlace = true
        dispatch()
    }

    func releasePlace() {
        guard let gate else { return }
        self.gate = nil
        if holdsPlace {
            holdsPlace = false
            gate.leave()
        } else {
            gate.forget(self)
        }
    }

    private func dispatch() {
        stageEnds = .distantFuture
        guard route.upstream != nil else { return callLocal() }
        isUpgrading = head.wantsWebSocket
        connect()
    }
}
