import HTTPTypes
import SoukAPI
import SoukHTTPTesting
import Testing

extension Answer {
    /// The problem document, which an error must be.
    func problem(_ location: SourceLocation = #_sourceLocation) throws -> ProblemDetails {
        #expect(headers[.contentType] == ProblemDetails.mediaType, sourceLocation: location)
        let problem = try JSONCoding.decode(ProblemDetails.self, from: Array(body.utf8))
        #expect(problem.status == status, sourceLocation: location)
        return problem
    }
}

/// A body with one field.
struct Greeting: SoukAPI.RequestBody {
    let name: String

    init(_ fields: FieldReader) {
        name = fields.string("name", length: 1...20)
    }
}
