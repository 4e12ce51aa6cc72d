package import Hummingbird
package import SoukHTTP

/// What takes a host's connections and hands their requests to its routes.
package protocol HTTPFrontend: Sendable {
    /// Listens, and serves until the surrounding service group shuts down gracefully; then takes no more connections, lets running
    /// requests end, and returns.
    ///
    /// - Parameter onListening: is given the port.
    /// - Throws: `IOError` or `SocketAddressError` when the address can't be bound.
    func serve(
        _ responder: any HTTPResponder<SoukRequestContext>, host: String, port: Int,
        onListening: @escaping @Sendable (Int) -> Void
    ) async throws
}
