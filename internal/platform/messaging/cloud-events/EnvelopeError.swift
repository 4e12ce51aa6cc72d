package import SoukErrors

/// Why a message is not a CloudEvents 1.0 event in the binary binding, or not the event that its type
/// promises.
package enum EnvelopeError: SoukError, Hashable {
    /// A required attribute is absent or empty.
    case missingAttribute(String)
    /// An attribute is there, and its value cannot be read.
    case invalidAttribute(String, value: String)
    /// The data is not what the type's declaration says.
    case undecodableData(type: String, reason: String)
    /// The event cannot be written as JSON.
    case unencodableData(type: String, reason: String)

    package var kind: ErrorKind { .invalid }

    package var code: String {
        switch self {
        case .missingAttribute: "event.attribute_missing"
        case .invalidAttribute: "event.attribute_invalid"
        case .undecodableData: "event.data_undecodable"
        case .unencodableData: "event.data_unencodable"
        }
    }

    package var message: String {
        switch self {
        case .missingAttribute(let name): "The event has no attribute \(name)."
        case .invalidAttribute(let name, _): "The event's attribute \(name) cannot be read."
        case .undecodableData(let type, _): "The data is not an event of type \(type)."
        case .unencodableData(let type, _): "The event of type \(type) cannot be written."
        }
    }

    package var detail: String? {
        switch self {
        case .missingAttribute: nil
        case .invalidAttribute(_, let value): String(value.prefix(200))
        case .undecodableData(_, let reason), .unencodableData(_, let reason): reason
        }
    }
}
