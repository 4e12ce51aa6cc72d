import SoukAuth
import SoukAuthGuard
import SoukGateway
import SoukNotification
import SoukOrder
import SoukPayment
import SoukPaymentSandbox
package import SoukProcess
import SoukProduct
import SoukVendor

extension SystemDefinition {
    /// The services of the marketplace, in the order of their ports. Everything else that lists them is derived from this.
    package static let marketplace = SystemDefinition(
        services: [
            GatewayService.definition,
            AuthService.definition,
            ProductService.definition,
            VendorService.definition,
            OrderService.definition,
            PaymentService.definition(.sandbox),
            NotificationService.definition,
        ],
        accounts: .authService)
}
