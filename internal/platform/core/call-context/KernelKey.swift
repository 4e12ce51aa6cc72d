/// Names a kernel where processes are composed: its type, and the service that offers it.
///
/// A service asks for its peers' kernels by their keys and does not learn whether it gets the service itself or a client
/// of another process.
package protocol KernelKey: Sendable {
    /// The protocol of the kernel: `any VendorKernel`.
    associatedtype Kernel: Sendable
    /// The name of the service that offers it: `vendor`.
    static var service: String { get }
}
