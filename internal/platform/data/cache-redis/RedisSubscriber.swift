import Foundation
import Logging
import SoukCache
import Synchronization

/// Listens on one channel over a connection of its own, served by a thread, and connects again whenever it is lost. Messages
/// that are published meanwhile are lost.
final class RedisSubscriber: Sendable {
    /// A connection that is silent for so long is asked whether it is still there.
    private static let keepalive: Duration = .seconds(10)

    private let options: RedisOptions
    private let channel: String
    private let alarm: WakePipe
    private let isClosed = Atomic(false)
    private let logger = Logger(label: "souk.redis")

    /// - Throws: `.unavailable` when the system has no more descriptors.
    init(_ options: RedisOptions, channel: String) throws(CacheError) {
        self.options = options
        self.channel = channel
        alarm = try WakePipe()
    }

    /// Passes on messages until it is closed; once.
    func listen(_ receive: @escaping @Sendable ([UInt8]) -> Void) {
        RedisConnection.onThread("souk-redis-listen") { self.run(receive) }
    }

    /// Ends the thread as soon as it looks up.
    func close() {
        isClosed.store(true, ordering: .releasing)
        alarm.ring()
    }

    // MARK: - On the thread

    private func run(_ receive: ([UInt8]) -> Void) {
        var failures = 0
        while isOpen {
            let since = ContinuousClock.now
            do throws(RedisFailure) {
                try receiveMessages(over: try RedisLink.connect(options), receive)
            } catch {
                guard isOpen else { return }
                if .now - since > options.maximumReconnectDelay { failures = 0 }
                failures += 1
                if failures == 1 || failures.isMultiple(of: 100) {
                    logger.warning(
                        "redis does not send messages",
                        metadata: ["channel": "\(channel)", "error": "\(error.text)"])
                }
                _ = alarm.wait(for: nil, toWrite: false, atMost: options.delay(afterFailures: failures))
            }
        }
    }

    /// Returns when it is closed.
    private func receiveMessages(over link: RedisLink, _ receive: ([UInt8]) -> Void) throws(RedisFailure) {
        link.append(RedisCommand("SUBSCRIBE", channel))
        var (isWriting, heardAt, askedAt) = (true, ContinuousClock.now, ContinuousClock.Instant?.none)
        while isOpen {
            if isWriting { isWriting = try !link.write() }
            if alarm.wait(for: link.descriptor, toWrite: isWriting, atMost: Self.keepalive / 4) {
                try link.read()
                while let reply = try link.nextReply() { try pass(reply, receive) }
                (heardAt, askedAt) = (.now, nil)
            }
            if let askedAt {
                guard .now - askedAt < options.connectTimeout else {
                    throw RedisFailure("Redis did not answer in time")
                }
            } else if .now - heardAt > Self.keepalive {
                link.append(RedisCommand("PING"))
                (isWriting, askedAt) = (true, .now)
            }
        }
    }

    private func pass(_ reply: RedisReply, _ receive: ([UInt8]) -> Void) throws(RedisFailure) {
        switch reply {
        case .array(let parts):
            guard parts.count == 3, parts[0] == .bytes(Array("message".utf8)),
                case .bytes(let message) = parts[2]
            else { return }
            receive(message)
        case .error(let code): throw RedisFailure(code: code)
        default: return
        }
    }

    private var isOpen: Bool { !isClosed.load(ordering: .acquiring) }
}
