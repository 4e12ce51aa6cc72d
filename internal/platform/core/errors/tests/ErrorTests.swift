import SoukErrors
import Testing

@Suite struct ErrorKindTests {
    @Test(arguments: ErrorKind.allCases)
    func mapsToErrorStatuses(_ kind: ErrorKind) {
        #expect((400...599).contains(kind.httpStatus))
        #expect((1...16).contains(kind.grpcCode))
    }

    @Test func httpStatusesAreDistinct() {
        #expect(Set(ErrorKind.allCases.map(\.httpStatus)).count == ErrorKind.allCases.count)
    }

    @Test func onlyWhatMayPassIsRetried() {
        let retryable = ErrorKind.allCases.filter(\.isRetryable)
        #expect(Set(retryable) == [.unavailable, .timedOut, .internalError, .rateLimited])
    }
}

@Suite struct SoukErrorTests {
    private enum StockError: SoukError {
        case insufficient
        var kind: ErrorKind { .conflict }
        var code: String { "stock.insufficient" }
        var message: String { "Not enough in stock." }
    }

    @Test func plainErrorsNeedOnlyThreeMembers() {
        let error = StockError.insufficient
        #expect(error.detail == nil)
        #expect(error.fieldErrors.isEmpty)
        #expect(error.retryAfter == nil)
        #expect(error.logDescription == "stock.insufficient: Not enough in stock.")
    }

    @Test func validationNamesFields() {
        let error = ValidationError(field: "lines[2].quantity", code: "out_of_range", message: "At least 1.")
        #expect(error.kind == .unprocessable)
        #expect(error.code == "validation.failed")
        #expect(error.logDescription.contains("lines[2].quantity: out_of_range"))
        let malformed = ValidationError.malformed(error.fieldErrors)
        #expect(malformed.kind == .invalid)
        #expect(malformed.code == "request.invalid")
        #expect(malformed.fieldErrors == error.fieldErrors)
    }

    @Test func serviceErrorCarriesEverything() {
        let error = ServiceError(
            .unavailable, code: "database.busy", message: "Try again.", detail: "locked",
            retryAfter: .seconds(2))
        #expect(error.kind == .unavailable)
        #expect(error.retryAfter == .seconds(2))
        #expect("\(error)" == "database.busy: Try again. (locked)")
    }
}
