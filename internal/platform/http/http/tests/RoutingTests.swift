import HTTPTypes
import Hummingbird
import SoukAPI
import SoukCallContext
import SoukErrors
import SoukHTTP
import SoukHTTPTesting
import SoukIDs
import Testing

@Suite struct RoutingTests {
    private func register(_ routes: Routes) {
        routes.open.get("/api/v1/things") { _, _ in try Reply.ok(["a"]) }
        routes.open.post("/api/v1/things") { _, _ in Reply.noContent }
        routes.open.get("/api/v1/things/{id}") { _, context in
            let id: UserID = try context.id()
            return try Reply.ok(id, version: 3)
        }
        routes.user.delete("/api/v1/things/{id}") { _, _ in Reply.noContent }
        routes.open.get("/api/v1/words/{word}") { _, context in try Reply.ok(context.parameter("word")) }
        routes.user.get("/api/v1/me") { _, context in try Reply.ok(context.principal.userID) }
        routes.admin.get("/api/v1/admin") { _, context in try Reply.ok(context.call.requestID) }
        routes.open.get("/api/v1/who") { _, context in
            try Reply.ok(context.principal?.userID.description ?? "nobody")
        }
    }

    @Test func unknownPathsAre404() async throws {
        try await withRoutes(register) { client async throws in
            for path in ["/", "/nothing", "/api/v1/things/x/y", "/api/v1"] {
                let answer = try await client.get(path)
                #expect(answer.status == 404)
                #expect(try answer.problem().code == "not_found")
            }
        }
    }

    @Test func otherMethodsAre405WithAllow() async throws {
        try await withRoutes(register) { client async throws in
            let list = try await client.send(.delete, "/api/v1/things")
            #expect(list.status == 405)
            #expect(list.headers[.allow] == "GET, HEAD, POST")
            #expect(try list.problem().code == "method.not_allowed")
            let one = try await client.send(.patch, "/api/v1/things/\(UserID())")
            #expect(one.headers[.allow] == "DELETE, GET, HEAD")
            let custom = try await client.send(try #require(HTTPRequest.Method("FROB")), "/api/v1/me")
            #expect(custom.status == 405)
        }
    }

    @Test func theMostLiteralTemplateSaysWhatIsAllowed() {
        let catalogue = RouteCatalogue()
        for (method, path) in [
            ("GET", "/a/{id}"), ("PATCH", "/a/{key}"), ("POST", "/a/all"), ("PUT", "/{x}/all"),
            ("GET", "/b/**"),
            ("POST", "/b/{id}"),
        ] {
            catalogue.add(method: method, path: path)
        }
        #expect(catalogue.methods(at: "/a/all") == ["POST"])
        #expect(catalogue.methods(at: "/a/7") == ["GET", "HEAD", "PATCH"])
        #expect(catalogue.methods(at: "/c/all") == ["PUT"])
        #expect(catalogue.methods(at: "/b/7") == ["POST"])
        #expect(catalogue.methods(at: "/b/7/8") == ["GET", "HEAD"])
    }

    @Test func headAnswersLikeGetWithoutABody() async throws {
        try await withRoutes(register) { client async throws in
            let get = try await client.get("/api/v1/things")
            let head = try await client.send(.head, "/api/v1/things")
            #expect(head.status == 200)
            #expect(head.body.isEmpty)
            #expect(head.headers[.contentLength] == get.headers[.contentLength])
            #expect(head.headers[.contentLength] == "\(get.body.utf8.count)")
            let missing = try await client.send(.head, "/nothing")
            #expect(missing.status == 404)
            #expect(missing.body.isEmpty)
        }
    }

    @Test func malformedIdsInPathsAre404() async throws {
        try await withRoutes(register) { client async throws in
            let id = UserID()
            #expect(try await client.get("/api/v1/things/\(id)").data(UserID.self) == id)
            for path in ["/api/v1/things/7", "/api/v1/things/%00", "/api/v1/words/%ff", "/api/v1/words/%2"] {
                #expect(try await client.get(path).status == 404)
            }
            #expect(try await client.get("/api/v1/words/a%20b+c%C3%A9").data(String.self) == "a b+cé")
        }
    }

    @Test func groupsProveTheCaller() async throws {
        try await withRoutes(register) { client async throws in
            #expect(try await client.get("/api/v1/who").data(String.self) == "nobody")
            let customer = NamedUsers.ids["customer"]?.description
            #expect(try await client.get("/api/v1/who", as: "customer").data(String.self) == customer)
            #expect(try await client.get("/api/v1/me", as: "customer").data(String.self) == customer)
            #expect(try await client.get("/api/v1/admin", as: "admin").status == 200)

            let absent = try await client.get("/api/v1/me")
            #expect(absent.status == 401)
            #expect(absent.headers[.wwwAuthenticate] == "Bearer realm=\"souk\"")
            #expect(try absent.problem().code == "auth.required")
            #expect(try await client.get("/api/v1/admin").status == 401)
            let forbidden = try await client.get("/api/v1/admin", as: "vendor")
            #expect(forbidden.status == 403)
            #expect(try forbidden.problem().code == "auth.forbidden")
        }
    }

    @Test(arguments: [
        "Bearer forged", "Bearer expired", "Bearer", "Bearer a b", "Basic YTpi", "forged", "Bearer é",
    ])
    func badTokensAreRefusedEvenOnOpenRoutes(value: String) async throws {
        try await withRoutes(register) { client async throws in
            let answer = try await client.get("/api/v1/who", headers: [.authorization: value])
            #expect(answer.status == 401)
            #expect(answer.headers[.wwwAuthenticate] == "Bearer realm=\"souk\", error=\"invalid_token\"")
            #expect(!answer.body.contains("forged"))
        }
    }

    @Test func theSchemeIsCaseInsensitive() async throws {
        try await withRoutes(register) { client async throws in
            #expect(
                try await client.get("/api/v1/me", headers: [.authorization: "bearer customer"]).status == 200
            )
        }
    }

    @Test func theCatalogueListsEveryRoute() {
        let web = WebRouter(verifier: NamedUsers())
        register(web.routes)
        web.router.get("/bare") { _, _ in "x" }
        _ = web.buildResponder()
        _ = web.buildResponder()
        #expect(
            web.catalogue.routes.map(\.description) == [
                "GET /api/v1/admin", "GET /api/v1/me", "GET /api/v1/things", "POST /api/v1/things",
                "DELETE /api/v1/things/{id}", "GET /api/v1/things/{id}", "GET /api/v1/who",
                "GET /api/v1/words/{word}",
                "GET /bare",
            ])
        #expect(web.catalogue.methods(at: "/api/v1/things/7") == ["DELETE", "GET", "HEAD"])
        #expect(web.catalogue.methods(at: "/api/v1/thingsx").isEmpty)
    }

    @Test func etagsAnswerConditionalGets() async throws {
        try await withRoutes(register) { client async throws in
            let path = "/api/v1/things/\(UserID())"
            let first = try await client.get(path)
            #expect(first.headers[.eTag] == "\"3\"")
            for tag in ["\"3\"", "W/\"3\"", "\"1\", \"3\"", "*"] {
                let again = try await client.get(path, headers: [.ifNoneMatch: tag])
                #expect(again.status == 304)
                #expect(again.body.isEmpty)
                #expect(again.headers[.eTag] == "\"3\"")
            }
            #expect(try await client.get(path, headers: [.ifNoneMatch: "\"4\""]).status == 200)
        }
    }
}
