@testable import SoukGateway

extension RoutedService {
    /// A few services, as processes of their own or in this one.
    static func examples(isLocal: Bool = false) -> [RoutedService] {
        [
            RoutedService(name: "auth", port: 8101, routes: ["/api/v1/auth/**"], isLocal: isLocal),
            RoutedService(
                name: "product", port: 8102, routes: ["/api/v1/products/**", "/api/v1/vendor/products/**"],
                isLocal: isLocal),
            RoutedService(
                name: "order", port: 8104,
                routes: ["/api/v1/cart/**", "/api/v1/checkout/**", "/api/v1/orders/**"], isLocal: isLocal),
            RoutedService(
                name: "payment", port: 8105, routes: ["/api/v1/payments/**", "/sandbox/pay/{token}"],
                isLocal: isLocal),
        ]
    }
}
