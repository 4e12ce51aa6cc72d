import SoukDatabase
import Testing

@testable import SoukDatabasePostgres

@Suite struct PostgresPureTests {
    @Test func numbersItsPlaces() {
        let text = PostgresText(
            "SELECT '?' FROM t WHERE a = \(1) AND b IN (\(list: ["x", "y"])) AND c = \(2.5)")
        #expect(text.text == "SELECT '?' FROM t WHERE a = $1 AND b IN ($2, $3) AND c = $4")
        #expect(text.values == [.integer(1), .text("x"), .text("y"), .real(2.5)])
    }

    @Test func spellsEmptyLists() {
        #expect(PostgresText("a IN (\(list: [Int]()))").text == "a = ANY ('{}')")
        #expect(PostgresText("a not in (\(list: [Int]())) AND b").text == "a <> ALL ('{}') AND b")
        #expect(PostgresText("f(\(list: [Int]()))").text == "f(NULL)")
    }

    @Test(arguments: [
        ([0, 0, 0, 0], SQLValue.integer(0)),
        ([1, 0, 0, 0, 7], .integer(7)),
        ([1, 0, 0x4000, 0, 7], .integer(-7)),
        ([1, 1, 0, 0, 3], .integer(30_000)),
        ([2, 1, 0, 0, 3, 5], .integer(30_005)),
        ([5, 4, 0, 0, 922, 3372, 368, 5477, 5807], .integer(.max)),
        ([5, 4, 0x4000, 0, 922, 3372, 368, 5477, 5808], .integer(.min)),
        ([2, 0, 0, 4, 1, 5000], .real(1.5)),
        ([1, -1, 0, 4, 2500], .real(0.25)),
        ([1, -2, 0x4000, 8, 1], .real(-0.00000001)),
        ([0, 0, 0xd000, 0], .real(.infinity)),
    ])
    func readsNumerics(_ words: [Int], _ value: SQLValue) throws {
        let bytes = words.flatMap { [UInt8(truncatingIfNeeded: $0 >> 8), UInt8(truncatingIfNeeded: $0)] }
        let found = try bytes.withUnsafeBytes { try SQLValue(postgres: $0, type: PostgresType.numeric) }
        #expect(found == value)
    }

    @Test(arguments: [[5, 4, 0, 0, 922, 3372, 368, 5477, 5808], [1, 5, 0, 0, 1], [3, 0, 0, 0, 1]])
    func refusesOtherNumerics(_ words: [Int]) {
        let bytes = words.flatMap { [UInt8(truncatingIfNeeded: $0 >> 8), UInt8(truncatingIfNeeded: $0)] }
        let error = #expect(throws: DatabaseError.self) {
            try bytes.withUnsafeBytes { try SQLValue(postgres: $0, type: PostgresType.numeric) }
        }
        #expect(error?.reason == .decoding)
    }

    @Test func mapsStates() {
        let states: [(String, DatabaseError.Reason)] = [
            ("40001", .busy), ("40P01", .busy), ("55P03", .busy), ("53300", .busy), ("53100", .full),
            ("25006", .readOnly), ("08006", .connection), ("57P01", .connection), ("28P01", .connection),
            ("42P01", .syntax), ("42501", .other), ("XX001", .corrupt), ("22012", .other), ("", .connection),
        ]
        for (state, reason) in states {
            let error = PostgresError(PostgresFailure(sqlState: state), statement: "s", isCancelled: false)
            #expect(error.error.reason == reason, "\(state)")
            #expect(error.isRepeatable == ["40001", "40P01"].contains(state))
        }
        let cancelled = PostgresFailure(sqlState: "57014")
        #expect(PostgresError(cancelled, statement: "s", isCancelled: true).error.reason == .cancelled)
        #expect(PostgresError(cancelled, statement: "s", isCancelled: false).error.reason == .busy)
    }

    @Test func retriesAreBounded() {
        var random = SystemRandomNumberGenerator()
        let now = ContinuousClock.now
        var few = RetryBackoff(attemptLimit: 3, timeout: .seconds(10), now: now)
        let pauses = (0..<4).map { _ in few.next(now: now, using: &random) }
        #expect(pauses[0].map { $0 <= .milliseconds(2) } == true && pauses[1] != nil)
        #expect(pauses[2] == nil && pauses[3] == nil)
        var short = RetryBackoff(attemptLimit: 3, timeout: .seconds(10), now: now)
        let late = short.next(now: now + .seconds(10), using: &random)
        #expect(late == nil)
        var long = RetryBackoff(attemptLimit: 1_000, timeout: .seconds(10), now: now)
        let many = (0..<900).map { _ in long.next(now: now, using: &random) }
        #expect(many.allSatisfy { $0.map { $0 <= .milliseconds(100) } == true })
    }

    @Test func oneTriesAServerThatIsAway() {
        var random = SystemRandomNumberGenerator()
        let now = ContinuousClock.now
        var backoff = ConnectBackoff()
        let away = DatabaseError(.connection, detail: "refused")
        func isAdmitted(_ time: Duration) -> Bool {
            if case .go = backoff.admit(now: now + time, patience: .seconds(10)) { true } else { false }
        }
        #expect(isAdmitted(.zero) && isAdmitted(.zero))
        backoff.fail(away, now: now, using: &random)
        #expect(!isAdmitted(.milliseconds(24)))
        #expect(isAdmitted(.milliseconds(51)))
        #expect(!isAdmitted(.milliseconds(52)), "somebody tries already")
        #expect(isAdmitted(.seconds(11)), "who tried has given up")
        for _ in 0..<20 { backoff.fail(away, now: now, using: &random) }
        #expect(!isAdmitted(.milliseconds(900)))
        #expect(isAdmitted(.milliseconds(2_001)))
        backoff.succeed()
        #expect(isAdmitted(.zero))
    }

    @Test func asksForTheEndAgainAndAgain() throws {
        let now = ContinuousClock.now
        let cancellation = PostgresCancellation(try Waker())
        var wait = PostgresWait(now: now, timeout: .seconds(9), cancellation: cancellation)
        func isDue(_ milliseconds: Int) -> Bool { wait.isCancelDue(now: now + .milliseconds(milliseconds)) }
        #expect(!isDue(0))
        #expect(wait.next(now: now) == .some(.seconds(9)))
        cancellation.request()
        #expect(isDue(0))
        #expect(!isDue(0))
        #expect(wait.next(now: now) == .some(.milliseconds(20)))
        #expect(isDue(20))
        #expect(!isDue(59))
        #expect(isDue(60))
        #expect(wait.next(now: now + .seconds(9)) == nil)
    }

    @Test func urlsAreCheckedAndPasswordsKept() throws {
        for url in [
            "mysql://u:hidden@h/d", "postgres://u:hid%zzden@h/d", "postgres://u:hidden@h/d?nonsense=1", "",
            "host=h",
        ] {
            let error = #expect(throws: DatabaseError.self) { try PostgresOptions(url: url) }
            #expect(error?.reason == .connection)
            #expect(error.map { "\($0)".contains("hid") } == false)
        }
        var options = try PostgresOptions(
            url: "postgres://u:hidden@a:1,b:2/d?sslmode=verify-full&application_name=x")
        options.password = "secret"
        #expect(options.description == "u@a:1,b:2/d")
        let database = PostgresDatabase.open(options)
        for text in ["\(options)", String(reflecting: options), "\(options.target)"] {
            #expect(!text.contains("hidden") && !text.contains("secret"))
        }
        for dumped in [options as Any, options.target, database] {
            var text = ""
            dump(dumped, to: &text)
            #expect(!text.contains("hidden") && !text.contains("secret"))
        }
        let parameters = options.target.parameters(options)
        #expect(parameters["password"] == "secret")
        #expect(parameters["sslmode"] == "verify-full")
        #expect(parameters["application_name"] == "x")
        #expect(parameters["host"] == "a,b" && parameters["port"] == "1,2")
        #expect(parameters["connect_timeout"] == "5")
    }
}
