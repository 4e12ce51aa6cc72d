import SoukCache

extension CacheContract {
    static var channelCases: [Case] {
        [
            Case("a message reaches everybody who listens on its channel, in order") { cache, _ in
                let channel = unique("channel")
                let streams = (cache.messages(on: channel), cache.messages(on: channel))
                let elsewhere = cache.messages(on: unique("elsewhere"))
                var (first, second) = (streams.0.makeAsyncIterator(), streams.1.makeAsyncIterator())
                // Listening begins at once or a moment later: what is published until then may be missed.
                let sending = Task {
                    var number = 0
                    while !Task.isCancelled {
                        try await cache.publish(bytes("\(number)"), on: channel)
                        number += 1
                        try await Task.sleep(for: .milliseconds(2))
                    }
                }
                for _ in 0..<2 {
                    var last = -1
                    for _ in 0..<20 {
                        let next = number(await first.next())
                        try expect(last < 0 || next == last + 1, "\(next) after \(last)")
                        last = next
                    }
                    swap(&first, &second)
                }
                sending.cancel()
                _ = await sending.result
                await cache.close()
                for await message in elsewhere { try expect(false, "\(message) on another channel") }
                while await first.next() != nil {}
            },
            Case("channels and messages are checked as keys and values") { cache, _ in
                try await expectInvalid("an empty channel") { () async throws(CacheError) in
                    try await cache.publish(bytes("m"), on: "")
                }
                try await expectInvalid("a long message") { () async throws(CacheError) in
                    try await cache.publish(
                        [UInt8](repeating: 0, count: CacheRules.maxValueBytes + 1), on: unique("long"))
                }
            },
            Case("a closed cache ends those who listen, and sends nothing") { cache, _ in
                let channel = unique("closed")
                let before = cache.messages(on: channel)
                await cache.close()
                for await _ in before { throw Violation(description: "a closed cache sent a message") }
                for await _ in cache.messages(on: channel) {
                    throw Violation(description: "a closed cache let somebody listen")
                }
                do throws(CacheError) {
                    try await cache.publish(bytes("late"), on: channel)
                    throw CacheError.invalidArgument("it was sent")
                } catch {
                    guard case .closed = error else { throw error }
                }
            },
        ]
    }

    private static func number(_ message: [UInt8]?) -> Int {
        message.flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? -1
    }
}
