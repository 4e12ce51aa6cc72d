import CRDKafka
import Foundation
import SoukBroker
import Synchronization

/// Owns an `rd_kafka_t`.
///
/// `@unchecked Sendable`: librdkafka's functions may be called on a client from any thread. Who destroys it must
/// have let go of its queues and messages before; the destruction waits for librdkafka's threads, and does so on
/// a thread of its own, whoever holds the last reference. It closes no consumer: who joined a group has left it before.
final class RDKafkaClient: @unchecked Sendable {
    let pointer: OpaquePointer

    private let kept: (any Sendable)?
    private let isAbandoned = Atomic(false)

    init(owning pointer: OpaquePointer, keeping kept: (any Sendable)?) {
        self.pointer = pointer
        self.kept = kept
    }

    deinit {
        if isAbandoned.load(ordering: .relaxed) {
            // Its threads go on until the process ends, with what they use.
            if let kept { _ = Unmanaged.passRetained(kept as AnyObject) }
            return
        }
        let address = UInt(bitPattern: pointer)
        Thread.detachNewThread { [kept] in
            // The address of what was never nil. Closing here could dereference a null coordinator (librdkafka #5347).
            if let pointer = OpaquePointer(bitPattern: address) {
                rd_kafka_destroy_flags(pointer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE)
            }
            withExtendedLifetime(kept) {}
        }
    }

    /// Keeps the client from being destroyed, where that would end the process.
    func abandon() {
        isAbandoned.store(true, ordering: .relaxed)
    }

    /// Why the client can do nothing any more, if so: the brokers fenced it off.
    var fatalError: String? {
        var reason = [CChar](repeating: 0, count: 256)
        guard rd_kafka_fatal_error(pointer, &reason, reason.count) != RD_KAFKA_RESP_ERR_NO_ERROR else {
            return nil
        }
        return String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension BrokerError {
    /// What an error of librdkafka or a broker means to the caller.
    static func kafka(_ code: rd_kafka_resp_err_t, _ what: String) -> BrokerError {
        let reason: Reason =
            switch code {
            case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
                .messageTooLarge
            case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, RD_KAFKA_RESP_ERR_INVALID_GROUP_ID,
                RD_KAFKA_RESP_ERR__INVALID_ARG:
                .invalidArgument
            default: .unavailable
            }
        let text =
            switch code {
            case RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__PURGE_INFLIGHT: "not confirmed in time"
            default: String(cString: rd_kafka_err2str(code))
            }
        return BrokerError(reason, detail: "\(what): \(text)")
    }
}
