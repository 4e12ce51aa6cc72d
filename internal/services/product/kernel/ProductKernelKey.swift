import SoukCallContext

/// Names the product service's kernel.
package enum ProductKernelKey: KernelKey {
    package typealias Kernel = any ProductKernel
    package static let service = "product"
}
