import Synchronization

/// A value that tests change from anywhere.
final class Shared<Value: Sendable>: Sendable {
    private let storage: Mutex<Value>

    init(_ value: Value) { storage = Mutex(value) }

    var value: Value { storage.withLock { $0 } }
    func update(_ change: (inout Value) -> Void) {
        storage.withLock { value in
            var copy = value
            change(&copy)
            value = copy
        }
    }
}
