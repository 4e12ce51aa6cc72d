package import SoukErrors

/// Why a schema cannot be brought up to date; nothing was changed by the step that failed.
package enum MigrationError: SoukError, CustomStringConvertible, Hashable {
    /// The migrations given do not ascend.
    case unordered(set: String, version: Int)
    /// An applied migration reads differently now.
    case changed(set: String, version: Int, name: String)
    /// The database has a migration that this program does not know.
    case unknown(set: String, version: Int, name: String)
    /// A migration was added before one that is applied already.
    case outOfOrder(set: String, version: Int, name: String, newest: Int)

    package var kind: ErrorKind { .internalError }
    package var code: String { "database.migration" }
    package var message: String { "The service could not prepare its data." }
    package var detail: String? { description }

    package var description: String {
        switch self {
        case .unordered(let set, let version):
            "\(set): migration \(version) is listed twice or before an earlier one"
        case .changed(let set, let version, let name):
            "\(set): migration \(version) (\(name)) was changed after it was applied; restore it and add a new one"
        case .unknown(let set, let version, let name):
            "\(set): the database has migration \(version) (\(name)), which this release does not know; "
                + "run the release that applied it or a later one"
        case .outOfOrder(let set, let version, let name, let newest):
            "\(set): migration \(version) (\(name)) comes before \(newest), which is applied already; "
                + "give it a later version"
        }
    }
}
