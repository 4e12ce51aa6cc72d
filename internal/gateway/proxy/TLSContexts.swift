import Foundation
import Logging
import NIOCore
import NIOSSL
import Synchronization

/// The certificate that clients are shown. Read again when its files change, so that a renewed one needs no restart.
final class TLSContexts: Sendable {
    private struct State {
        var policy: TLSPolicy
        var context: NIOSSLContext
        var stamp: String
    }

    private let state: Mutex<State>
    private let http2: Bool
    private let logger = Logger(label: "souk.gateway")

    /// - Throws: what is wrong with the files.
    init(_ policy: TLSPolicy, http2: Bool) throws {
        self.http2 = http2
        state = Mutex(
            State(
                policy: policy, context: try Self.load(policy, http2: http2),
                stamp: Self.stamp(policy)))
    }

    /// For the next connection.
    var current: NIOSSLContext { state.withLock { $0.context } }

    /// Follows changed files. Those that are no certificate and its key leave the old one in force.
    func refresh() {
        let (policy, known) = state.withLock { ($0.policy, $0.stamp) }
        let stamp = Self.stamp(policy)
        guard stamp != known else { return }
        do {
            let context = try Self.load(policy, http2: http2)
            state.withLock {
                $0.context = context
                $0.stamp = stamp
            }
            logger.notice("a new certificate is in force", metadata: ["file": "\(policy.certificateFile)"])
        } catch {
            state.withLock { $0.stamp = stamp }
            logger.error(
                "the new certificate can't be used; the old one stays",
                metadata: ["file": "\(policy.certificateFile)", "error": "\(error)"])
        }
    }

    private static func load(_ policy: TLSPolicy, http2: Bool) throws -> NIOSSLContext {
        let chain = try NIOSSLCertificate.fromPEMFile(policy.certificateFile)
        guard !chain.isEmpty else { throw TLSFileError(file: policy.certificateFile) }
        let key = try NIOSSLPrivateKey(file: policy.keyFile, format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = http2 ? ["h2", "http/1.1"] : ["http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }

    /// Changes whenever one of the files does.
    private static func stamp(_ policy: TLSPolicy) -> String {
        [policy.certificateFile, policy.keyFile].map { file in
            guard let info = try? FileManager.default.attributesOfItem(atPath: file) else { return "-" }
            let modified = (info[.modificationDate] as? Date)?.timeIntervalSinceReferenceDate ?? 0
            return "\(info[.systemFileNumber] ?? "-"):\(info[.size] ?? "-"):\(modified)"
        }.joined(separator: " ")
    }

    private struct TLSFileError: Error, CustomStringConvertible {
        let file: String
        var description: String { "\(file) holds no certificate" }
    }
}
