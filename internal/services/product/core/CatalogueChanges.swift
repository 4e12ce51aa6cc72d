import SoukDatabase
import Synchronization

/// Counts what this process has changed about the catalogue, for whoever remembers something about it.
final class CatalogueChanges: Sendable {
    private let counter = Atomic<UInt64>(0)

    /// Rises with every change: what was read at this number holds until there is another one.
    var generation: UInt64 { counter.load(ordering: .acquiring) }

    /// Counts as soon as the transaction has committed, before its caller hears of it.
    func note(in transaction: any Transaction) {
        transaction.afterCommit { [self] in counter.add(1, ordering: .releasing) }
    }
}
