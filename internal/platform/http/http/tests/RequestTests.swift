import HTTPTypes
import Hummingbird
import SoukAPI
import SoukErrors
import SoukHTTP
import SoukHTTPTesting
import SoukIDs
import SoukPagination
import Testing

private enum Sort: String, CaseIterable, Sendable {
    case name, price
}

@Suite struct RequestTests {
    private func register(_ routes: Routes) {
        routes.open.post("/greet") { request, _ in
            try Reply.created(
                "Hello, \(try await request.body(Greeting.self, maxBytes: 100).name)", location: "/greet/1")
        }
        routes.open.post("/maybe") { request, _ in
            try Reply.accepted(try await request.optionalBody(Greeting.self)?.name ?? "none")
        }
        routes.open.post("/form") { request, _ in try Reply.ok(try await request.form()) }
        routes.open.get("/list") { request, _ in
            let page = try request.pageRequest()
            return try Reply.page(Page(items: [page.page, page.size], request: page, totalCount: 50))
        }
        routes.open.get("/scroll") { request, _ in
            let wanted = try request.cursorRequest()
            return try Reply.cursorPage(
                CursorPage(items: [wanted.limit], next: Cursor(fields: wanted.after?.fields ?? ["start"])))
        }
        routes.open.get("/query") { request, _ in
            try Reply.ok([
                request.queryString("q") ?? "-",
                try request.queryChoice("sort", as: Sort.self)?.rawValue ?? "-",
                try request.queryID("user", as: UserID.self)?.description ?? "-",
                try request.queryInt("n", in: 1...9).map(String.init) ?? "-",
                try request.queryBool("b").map(String.init) ?? "-",
                request.queryStrings("t").joined(separator: "|"),
            ])
        }
        routes.open.put("/versioned") { request, _ in try Reply.ok(try request.requiredIfMatch()) }
        routes.open.patch("/versioned") { request, _ in try Reply.ok(try request.ifMatch() ?? -1) }
    }

    @Test func readsJSONBodies() async throws {
        try await withRoutes(register) { client async throws in
            let answer = try await client.post("/greet", json: #"{"name": "Ann"}"#)
            #expect(answer.status == 201)
            #expect(answer.headers[.location] == "/greet/1")
            #expect(answer.headers[.contentType] == "application/json")
            #expect(try answer.data(String.self) == "Hello, Ann")
        }
    }

    @Test(arguments: [
        ("", 400, "request.invalid"), ("{", 400, "request.invalid"), ("[]", 400, "request.invalid"),
        (#"{"name": 1}"#, 400, "request.invalid"), (#"{"name": "a", "age": 1}"#, 400, "request.invalid"),
        ("{}", 422, "validation.failed"), (#"{"name": ""}"#, 422, "validation.failed"),
        (#"{"name": "\#(String(repeating: "a", count: 200))"}"#, 413, "body.too_large"),
    ])
    func refusesBadBodies(json: String, status: Int, code: String) async throws {
        try await withRoutes(register) { client async throws in
            let answer = try await client.post("/greet", json: json)
            #expect(answer.status == status)
            let problem = try answer.problem()
            #expect(problem.code == code)
            #expect((problem.errors?.isEmpty ?? true) == (status == 413))
        }
    }

    @Test(arguments: [
        "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/json; charset=latin1", "application/problem+json",
    ])
    func refusesOtherMediaTypes(type: String) async throws {
        try await withRoutes(register) { client async throws in
            for path in ["/greet", "/maybe"] {
                let answer = try await client.post(
                    path, json: #"{"name": "Ann"}"#, headers: [.contentType: type])
                #expect(answer.status == 415)
                #expect(try answer.problem().code == "media_type.unsupported")
            }
        }
    }

    @Test func aCompressedBodyIsRefused() async throws {
        try await withRoutes(register) { client async throws in
            for (coding, status) in [("gzip", 415), ("br, gzip", 415), ("Identity", 201)] {
                let headers: HTTPFields = [.contentType: "application/json", .contentEncoding: coding]
                let answer = try await client.post("/greet", json: #"{"name": "Ann"}"#, headers: headers)
                #expect(answer.status == status)
            }
        }
    }

    @Test func aBodyWithoutAMediaTypeIsRefused() async throws {
        try await withRoutes(register) { client async throws in
            let answer = try await client.send(.post, "/greet", body: #"{"name": "Ann"}"#, mediaType: nil)
            #expect(answer.status == 415)
        }
    }

    @Test(arguments: [
        "application/json", "Application/JSON; Charset=UTF-8", "application/json;charset=\"utf-8\"",
    ])
    func takesJSONHoweverItIsWritten(type: String) async throws {
        try await withRoutes(register) { client async throws in
            let answer = try await client.post(
                "/greet", json: #"{"name": "Ann"}"#, headers: [.contentType: type])
            #expect(answer.status == 201)
        }
    }

    @Test func optionalBodiesMayBeAbsent() async throws {
        try await withRoutes(register) { client async throws in
            #expect(try await client.post("/maybe").data(String.self) == "none")
            #expect(try await client.post("/maybe", json: #"{"name": "Ann"}"#).data(String.self) == "Ann")
        }
    }

    @Test func readsForms() async throws {
        try await withRoutes(register) { client async throws in
            let type: HTTPFields = [.contentType: "application/x-www-form-urlencoded"]
            let answer = try await client.post("/form", json: "a=1&b=x+y%26&a=2&c", headers: type)
            #expect(try answer.data([String: String].self) == ["a": "1", "b": "x y&", "c": ""])
            #expect(try await client.post("/form", json: "a=%zz", headers: type).status == 400)
            #expect(try await client.post("/form", json: "{}").status == 415)
        }
    }

    @Test func pagesAndCursors() async throws {
        try await withRoutes(register) { client async throws in
            #expect(try await client.get("/list").data([Int].self) == [1, 20])
            let page = try await client.get("/list?page=2&size=40")
            #expect(page.body.contains(#""total_count":50"#))
            #expect(page.body.contains(#""has_more":false"#))
            for query in [
                "page=0", "page=x", "size=0", "size=101", "page=", "page=1.5", "page=99999999999999999999",
            ] {
                let answer = try await client.get("/list?\(query)")
                #expect(answer.status == 400)
                let name = query.prefix { $0 != "=" }
                #expect(try answer.problem().errors?.map(\.field) == [String(name)])
            }
            let cursor = Cursor(fields: ["a", "b"]).encoded
            let scrolled = try await client.get("/scroll?limit=5&cursor=\(cursor)")
            #expect(try scrolled.data([Int].self) == [5])
            #expect(scrolled.body.contains(cursor))
            #expect(try await client.get("/scroll?cursor=!!").status == 400)
            #expect(try await client.get("/scroll?limit=0").status == 400)
        }
    }

    @Test func readsQueries() async throws {
        try await withRoutes(register) { client async throws in
            let user = UserID()
            let answer = try await client.get(
                "/query?q=red+shirt%21&sort=price&user=\(user)&n=3&b=true&t=1&t=2")
            #expect(
                try answer.data([String].self) == [
                    "red shirt!", "price", user.description, "3", "true", "1|2",
                ])
            #expect(try await client.get("/query").data([String].self) == ["-", "-", "-", "-", "-", ""])
            for query in ["sort=size", "user=1", "n=0", "n=ten", "b=yes", "q=%ff", "q=%", "q=%00"] {
                let answer = try await client.get("/query?\(query)")
                #expect(answer.status == 400)
                #expect(try answer.problem().code == "request.invalid")
            }
        }
    }

    @Test func preconditions() async throws {
        try await withRoutes(register) { client async throws in
            #expect(
                try await client.send(.put, "/versioned", headers: [.ifMatch: "\"3\""]).data(Int.self) == 3)
            #expect(try await client.send(.patch, "/versioned").data(Int.self) == -1)
            for field in [
                "3", "\"\"", "\"x\"", "W/\"3\"", "\"1\", \"2\"", "\"99999999999999999999\"", "\"-1\"",
            ] {
                #expect(try await client.send(.put, "/versioned", headers: [.ifMatch: field]).status == 400)
            }
            let missing = try await client.send(.put, "/versioned")
            #expect(missing.status == 428)
            #expect(try missing.problem().code == "precondition.required")
        }
    }
}
