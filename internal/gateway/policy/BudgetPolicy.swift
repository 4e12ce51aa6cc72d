/// How much one client may have of what all clients share. A client is an address, or a /64 of IPv6; the account of a verified
/// token is another one beside it.
package struct BudgetPolicy: Sendable, Equatable {
    /// One client gets at most one part in so many.
    package var share = 8
    /// Bytes of request bodies in memory at one time, of all clients.
    package var bodyMemory = 256 << 20
    /// HTTP/2 frames per second and client that carry neither a request nor a part of its body.
    package var frameRate = 1_000

    package init() {}

    /// One client's part, rounded up. Where a client may have all there is no part: the bound of all is enough.
    func part(of total: Int) -> Int { share == 1 ? .max : (total + share - 1) / share }

    /// Bytes of bodies that one client may have in memory.
    var bodyPart: Int { min(part(of: bodyMemory), bodyMemory) }
}

/// How fast a request's body has to arrive.
package struct BodyRatePolicy: Sendable, Equatable {
    /// Bytes per second, on average since the grace ended.
    package var minimum = 1 << 10
    /// How long the average doesn't count.
    package var grace: Duration = .seconds(5)

    package init() {}
}
