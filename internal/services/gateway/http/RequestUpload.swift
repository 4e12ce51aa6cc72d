import AsyncAlgorithms
import AsyncHTTPClient
import HTTPTypes
import Hummingbird
import NIOCore

/// A request's body on its way to a service.
///
/// The client that sends it reads it in a task of its own, which may go on after the answer has come. The server would read
/// the connection's next request beside it then, and two readers of one connection end the process. So this task alone
/// reads the connection, hands on what it reads, and has come to the body's end before the request is over.
enum RequestUpload {
    /// Bodies up to this size are read whole and sent at once.
    private static let wholeBytes = 64 << 10

    /// Runs `send` with the body as the client announced it (RFC 9112, section 6): nil, whole, or in parts as they come.
    static func with<Answer>(
        _ request: Request, _ send: (HTTPClientRequest.Body?) async throws -> Answer
    ) async throws -> Answer {
        let length = request.headers[.contentLength].flatMap(Int64.init)
        if length == nil, request.headers[.transferEncoding] == nil { return try await send(nil) }
        if let length, length <= wholeBytes {
            let bytes = try await request.body.collect(upTo: wholeBytes)
            return try await send(bytes.readableBytes == 0 ? nil : .bytes(bytes))
        }
        let parts = AsyncThrowingChannel<ByteBuffer, any Error>()
        async let reading: Void = read(request.body, into: parts)
        do {
            let answer = try await send(
                .stream(Parts(channel: parts), length: length.map { .known($0) } ?? .unknown))
            await reading
            return answer
        } catch {
            // Nobody takes the rest any more: it is read and dropped.
            parts.finish()
            await reading
            throw error
        }
    }

    private static func read(
        _ body: RequestBody, into parts: AsyncThrowingChannel<ByteBuffer, any Error>
    ) async {
        do {
            for try await part in body { await parts.send(part) }
            parts.finish()
        } catch {
            parts.fail(error)
        }
    }

    /// The parts; who stops reading them lets the writer go on.
    private struct Parts: AsyncSequence, Sendable {
        typealias Element = ByteBuffer

        let channel: AsyncThrowingChannel<ByteBuffer, any Error>

        func makeAsyncIterator() -> Iterator {
            Iterator(parts: channel.makeAsyncIterator(), reader: Reader(channel: channel))
        }

        struct Iterator: AsyncIteratorProtocol {
            var parts: AsyncThrowingChannel<ByteBuffer, any Error>.Iterator
            let reader: Reader

            mutating func next() async throws -> ByteBuffer? {
                try await parts.next()
            }
        }

        final class Reader: Sendable {
            let channel: AsyncThrowingChannel<ByteBuffer, any Error>

            init(channel: AsyncThrowingChannel<ByteBuffer, any Error>) {
                self.channel = channel
            }

            deinit {
                channel.finish()
            }
        }
    }
}
