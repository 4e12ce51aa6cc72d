import CRabbitMQ

/// A value in a table of headers or arguments.
indirect enum AMQPValue: Sendable {
    case text(String)
    case integer(Int64)
    case bool(Bool)
    case table([(String, AMQPValue)])
}

/// Memory for what is handed to the library in one call; gone with ``recycle()``. Belongs to one thread.
final class AMQPArena {
    private let pool: UnsafeMutablePointer<amqp_pool_t>

    init() {
        pool = .allocate(capacity: 1)
        pool.initialize(to: amqp_pool_t())
        init_amqp_pool(pool, 16_384)
    }

    deinit {
        empty_amqp_pool(pool)
        pool.deallocate()
    }

    func recycle() {
        recycle_amqp_pool(pool)
    }

    /// - Throws: ``AMQPFailure`` when there is no memory.
    func bytes(_ text: String) throws(AMQPFailure) -> amqp_bytes_t {
        var text = text
        let count = text.utf8.count
        guard count > 0 else { return amqp_bytes_t(len: 0, bytes: nil) }
        let memory = try allocate(count)
        text.withUTF8 { UnsafeMutableRawBufferPointer(start: memory, count: count).copyBytes(from: $0) }
        return amqp_bytes_t(len: count, bytes: memory)
    }

    func table(_ entries: [(String, AMQPValue)]) throws(AMQPFailure) -> amqp_table_t {
        guard !entries.isEmpty else { return amqp_table_t(num_entries: 0, entries: nil) }
        let memory = try allocate(entries.count * MemoryLayout<amqp_table_entry_t>.stride)
            .bindMemory(to: amqp_table_entry_t.self, capacity: entries.count)
        for (index, entry) in entries.enumerated() {
            (memory + index).initialize(
                to: amqp_table_entry_t(key: try bytes(entry.0), value: try value(entry.1)))
        }
        return amqp_table_t(num_entries: Int32(entries.count), entries: memory)
    }

    private func value(_ value: AMQPValue) throws(AMQPFailure) -> amqp_field_value_t {
        var field = amqp_field_value_t()
        switch value {
        case .text(let text):
            field.kind = UInt8(AMQP_FIELD_KIND_UTF8.rawValue)
            field.value.bytes = try bytes(text)
        case .integer(let number):
            field.kind = UInt8(AMQP_FIELD_KIND_I64.rawValue)
            field.value.i64 = number
        case .bool(let flag):
            field.kind = UInt8(AMQP_FIELD_KIND_BOOLEAN.rawValue)
            field.value.boolean = flag ? 1 : 0
        case .table(let entries):
            field.kind = UInt8(AMQP_FIELD_KIND_TABLE.rawValue)
            field.value.table = try table(entries)
        }
        return field
    }

    private func allocate(_ count: Int) throws(AMQPFailure) -> UnsafeMutableRawPointer {
        guard let memory = amqp_pool_alloc(pool, count) else {
            throw AMQPFailure(.connection, "no memory for \(count) bytes")
        }
        return memory
    }
}
