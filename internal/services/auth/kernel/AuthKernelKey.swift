import SoukCallContext

/// Names the auth service's kernel.
package enum AuthKernelKey: KernelKey {
    package typealias Kernel = any AuthKernel
    package static let service = "auth"
}
