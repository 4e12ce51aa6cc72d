extension RateLimit {
    /// The generic cell rate algorithm: one call at `now`, where the quota is full again at `fullAt` (the theoretical
    /// arrival time), both measured from the same moment. Returns the decision, and the new `fullAt` where the call was
    /// let through.
    package func decide(fullAt: Duration?, at now: Duration) -> (RateDecision, fullAt: Duration?) {
        // What lies more than a window ahead was written by a clock that has been set back since.
        let full = min(max(fullAt ?? now, now), now + window)
        let interval = window / quota
        let next = full + interval
        let debt = next - now
        guard debt <= window else {
            return (
                RateDecision(isAllowed: false, remaining: 0, reset: full - now, retryAfter: debt - window),
                nil
            )
        }
        return (
            RateDecision(
                isAllowed: true, remaining: Int((window - debt) / interval), reset: debt, retryAfter: .zero),
            next
        )
    }
}
