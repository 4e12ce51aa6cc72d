import Foundation
import SoukErrors
import SoukEventsRuntime
import SoukProto
import SoukRPCRuntime
import SoukTime
import SwiftProtobuf

extension DeadLetter {
    init(wire: Souk_Events_V1_DeadLetter) throws(MalformedMessage) {
        self.init(
            id: wire.id, consumer: wire.consumer, eventID: wire.eventID, type: wire.hasType ? wire.type : nil,
            topic: wire.topic, key: wire.key, headers: wire.headers, payload: [UInt8](wire.payload),
            errorCode: wire.errorCode, error: wire.error, attempts: Int(wire.attempts),
            firstFailedAt: try wire.firstFailedAt.timestamp("first_failed_at"),
            lastFailedAt: try wire.lastFailedAt.timestamp("last_failed_at"),
            status: try Status(wire: wire.status))
    }

    func wire(withPayload: Bool) -> Souk_Events_V1_DeadLetter {
        .with {
            $0.id = id
            $0.consumer = consumer
            $0.eventID = eventID
            if let type { $0.type = type }
            $0.topic = topic
            $0.key = key
            $0.headers = headers
            if withPayload { $0.payload = Data(payload) }
            $0.errorCode = errorCode
            $0.error = error
            $0.attempts = Int64(attempts)
            $0.firstFailedAt = .init(firstFailedAt)
            $0.lastFailedAt = .init(lastFailedAt)
            $0.status = status.wire
        }
    }
}

extension DeadLetter.Status {
    init(wire: Souk_Events_V1_DeadLetterStatus) throws(MalformedMessage) {
        switch wire {
        case .dead: self = .dead
        case .redriving: self = .redriving
        case .unspecified, .UNRECOGNIZED: throw MalformedMessage("status")
        }
    }

    var wire: Souk_Events_V1_DeadLetterStatus {
        switch self {
        case .dead: .dead
        case .redriving: .redriving
        }
    }
}
