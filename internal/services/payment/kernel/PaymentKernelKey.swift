import SoukCallContext

/// Names the payment service's kernel.
package enum PaymentKernelKey: KernelKey {
    package typealias Kernel = any PaymentKernel
    package static let service = "payment"
}
