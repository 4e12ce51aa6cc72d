import Synchronization

/// Something that at most one task may hold.
final class Flag: Sendable {
    private let isHeld = Mutex(false)

    /// False when it is held.
    func acquire() -> Bool {
        isHeld.withLock { isHeld in
            defer { isHeld = true }
            return !isHeld
        }
    }

    func release() {
        isHeld.withLock { $0 = false }
    }
}
