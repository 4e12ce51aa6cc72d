import SoukCallContext

/// Names the vendor service's kernel.
package enum VendorKernelKey: KernelKey {
    package typealias Kernel = any VendorKernel
    package static let service = "vendor"
}
