import SoukDatabase

/// Relays that compete for one outbox, on PostgreSQL.
///
/// An event is in the lane of its topic and key. A relay leases some lanes, publishes their events in the order of the
/// ids outside of any transaction, and gives the lanes back, so the events of a key are in one pair of hands. A lease
/// that runs out under a relay which still publishes costs nothing but repetition: what it publishes late, the next
/// relay publishes from the same event on and in the same order, so whichever copy of an event comes first comes after
/// those before it, and the inbox drops the others.
extension EventStore {
    static let laneCount = 16
    /// So many a relay leases at once, to leave some to others.
    static let lanesAtOnce = laneCount / 2
    /// Signalled by every transaction that appended events.
    static let outboxChannel = "souk_outbox"
    /// Signalled when dead letters were marked for their redrive.
    static let redriveChannel = "souk_redrive"

    /// Leases up to half of the lanes that have events and that nobody else has, those of the oldest events first, and
    /// renews the lease of the relay's own. Time is the database's, which all relays share.
    func claimLanes(by owner: String, for lease: Duration) async throws -> [Int] {
        let claim: SQL = """
            UPDATE outbox_lanes
            SET owner = \(owner),
                leased_until = clock_timestamp() + CAST(\(lease.wholeMilliseconds) AS BIGINT) * INTERVAL '1 millisecond'
            WHERE lane = ANY (ARRAY(
                SELECT l.lane FROM outbox_lanes l
                CROSS JOIN LATERAL (SELECT id FROM outbox WHERE lane = l.lane ORDER BY id LIMIT 1) oldest
                WHERE l.owner = \(owner) OR l.leased_until <= clock_timestamp()
                ORDER BY oldest.id LIMIT \(Self.lanesAtOnce) FOR UPDATE OF l SKIP LOCKED))
            RETURNING lane
            """
        return try await database.transaction(isolation: .readCommitted) { transaction in
            try await transaction.query(claim).map { try $0.get("lane", as: Int.self) }
        }
    }

    func releaseLanes(of owner: String) async throws {
        try await database.execute(
            "UPDATE outbox_lanes SET owner = NULL, leased_until = '-infinity' WHERE owner = \(owner)",
            isolation: .readCommitted)
    }
}

extension Duration {
    fileprivate var wholeMilliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000 + attoseconds / 1_000_000_000_000_000
    }
}
