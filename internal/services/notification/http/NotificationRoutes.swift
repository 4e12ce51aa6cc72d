import Hummingbird
import SoukCallContext
import SoukErrors
import SoukHTTP
import SoukIDs
import SoukIdentifiers
import SoukPagination
import SoukTime

/// A user's own messages; nobody sees another's.
struct NotificationRoutes: Sendable {
    let store: NotificationStore
    let clock: any WallClock

    func register(on routes: Routes) {
        routes.user.get("/api/v1/notifications") { request, context in
            let page = try request.pageRequest()
            let kind = try request.queryChoice("kind", as: NotificationKind.self)
            let unreadOnly = try request.queryBool("unread") ?? false
            let found = try await store.list(
                of: context.principal.userID, kind: kind, unreadOnly: unreadOnly, page)
            return try Reply.page(found.map(NotificationResponse.init))
        }
        routes.user.get("/api/v1/notifications/unread-count") { _, context in
            try Reply.ok(
                UnreadCountResponse(count: try await store.unreadCount(of: context.principal.userID)))
        }
        routes.user.post("/api/v1/notifications/read-all") { _, context in
            let count = try await store.markAllRead(of: context.principal.userID, at: clock.now())
            return try Reply.ok(MarkedResponse(marked: count))
        }
        routes.user.patch("/api/v1/notifications/{id}") { request, context in
            let id = try context.id(as: NotificationID.self)
            let body = try await request.body(MarkBody.self)
            let marked = try await store.mark(
                id, of: context.principal.userID, read: body.read, at: clock.now())
            guard let marked else {
                throw ServiceError(
                    .notFound, code: "notification.not_found", message: "There is no such notification.")
            }
            return try Reply.ok(NotificationResponse(marked))
        }
    }
}
