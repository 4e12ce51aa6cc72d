package import Hummingbird
package import SoukHTTP
package import SoukSupervisor

/// What takes a host's connections and hands their requests to its routes.
package protocol HTTPFrontend: Sendable {
    /// Serves on the socket, which it closes in the end, until the surrounding service group shuts down gracefully; then takes no
    /// more connections, lets running requests end, and returns.
    ///
    /// - Parameter onListening: is called once connections are taken.
    func serve(
        _ responder: any HTTPResponder<SoukRequestContext>, on socket: ListeningSocket,
        onListening: @escaping @Sendable () -> Void
    ) async throws
}
