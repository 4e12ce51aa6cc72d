import SoukCallContext

/// Names what the auth service offers for mails about accounts.
package enum AccountMailKernelKey: KernelKey {
    package typealias Kernel = any AccountMailKernel
    package static let service = "auth"
}
