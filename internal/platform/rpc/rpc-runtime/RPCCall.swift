package import GRPCCore
package import SoukCallContext
package import SoukErrors

/// A call as the server has admitted it: with the caller proven and the deadline read.
package struct RPCCall: ServerContext.TransportSpecific {
    /// Request id, deadline, and on whose behalf: the user whose own token came along.
    package let context: CallContext
    /// The service that calls; `nil` for users and anybody.
    package let caller: String?
    /// What the transport says of the connection; `nil` when it says nothing.
    package let connection: (any ServerContext.TransportSpecific)?
}

extension ServerContext {
    /// The call that is being answered.
    ///
    /// Only inside services that an ``RPCServer`` serves.
    package var call: RPCCall {
        guard let call = transportSpecific as? RPCCall else {
            preconditionFailure("the service is not served by an RPCServer")
        }
        return call
    }
}

/// Runs a kernel's function for a gRPC method, and gives its error the payload that its callers need.
///
/// Errors that are a `SoukError` may also be thrown from a method as they are: the server turns each into its
/// status and trailers. This is for kernels whose errors carry values.
/// Throws: ``RPCFailure``.
package func answering<T, Failure: SoukError>(
    _ context: ServerContext, payload: (Failure) -> [UInt8],
    _ body: (CallContext) async throws(Failure) -> T
) async throws(RPCFailure) -> T {
    do {
        return try await body(context.call.context)
    } catch {
        throw RPCFailure(error, payload: payload(error))
    }
}
