import HTTPTypes
import Hummingbird
package import ServiceLifecycle
import SoukAPI
package import SoukEventsRuntime
package import SoukHTTP
import SoukService
package import SoukTime

/// The routes about the API itself.
package final class GatewayService: HostedService {
    package let name = "gateway"
    private let clock: any WallClock

    package init(clock: any WallClock) {
        self.clock = clock
    }

    package func prepare() async throws {}

    package func registerRoutes(_ routes: Routes) {
        let clock = clock
        routes.open.get("/api/v1/ping") { _, _ in
            try Reply.ok(PingResponse(message: "pong", time: clock.now()))
        }
        routes.open.get("/openapi.json") { _, _ in
            Response(
                status: .ok,
                headers: [.contentType: "application/json", .cacheControl: "public, max-age=300"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: OpenAPIDocument.json)))
        }
    }

    package var backgroundServices: [any Service] { [] }
    package var events: (any EventAdministration)? { nil }
}

private struct PingResponse: Encodable, Sendable {
    let message: String
    let time: Timestamp
}
