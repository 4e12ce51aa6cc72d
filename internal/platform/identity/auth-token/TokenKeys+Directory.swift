import Foundation
import JWTKit
import SoukIDs
package import SoukTime
import SoukText

extension TokenKeys {
    /// The keys of a folder; a first one is made when it has none.
    ///
    /// Each file `<kid>.pem` or `<kid>.json` (a JSON Web Key) is one key; other files are passed over. The
    /// greatest name in byte order among the keys that can sign is the signing key, all the others verify.
    /// Names made here begin with the time, so the newest signs: to rotate, add a key, restart, and delete
    /// the old one when its last token has expired. The folder is made with mode 0700, the key file (Ed25519,
    /// PKCS #8) with mode 0600, appearing whole or not at all; processes that start at once agree on one.
    ///
    /// Throws: `TokenKeyError` naming the file or folder that can't be read, written or understood.
    package static func loadOrCreate(
        directory: String, issuer: String = "souk", audience: String = "souk",
        clock: any WallClock = SystemClock()
    ) async throws(TokenKeyError) -> TokenKeys {
        var files = FileManager.default.fileExists(atPath: directory) ? try KeyFolder.list(directory) : []
        if files.isEmpty {
            try KeyFolder.createFirstKey(in: directory, now: clock.now())
            files = try KeyFolder.list(directory)
        }
        var keys: [TokenKey] = []
        for file in files {
            let path = directory + "/" + file.name
            do {
                let text = try KeyFolder.read(path)
                keys.append(
                    file.isPEM
                        ? try await TokenKey.pem(kid: file.kid, text)
                        : try await TokenKey.jwk(kid: file.kid, json: text))
            } catch {
                throw TokenKeyError(path, error.problem)
            }
        }
        guard let newest = keys.filter(\.canSign).max(by: { $0.kid < $1.kid }) else {
            throw TokenKeyError(directory, "holds no private key, so nothing can be signed")
        }
        return try TokenKeys(keys, signing: newest.kid, issuer: issuer, audience: audience, clock: clock)
    }
}

/// Files of keys. Small and read once at start, so blocking calls are in order here.
enum KeyFolder {
    struct File {
        let name: String
        let kid: String
        let isPEM: Bool
    }

    static func list(_ directory: String) throws(TokenKeyError) -> [File] {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: directory)
        } catch {
            throw TokenKeyError(directory, "the key folder can't be read")
        }
        return names.sorted().compactMap { name in
            let isPEM = name.hasSuffix(bytes: ".pem")
            guard isPEM || name.hasSuffix(bytes: ".json"), !name.hasPrefix(bytes: ".") else { return nil }
            return File(name: name, kid: String(name.dropLast(isPEM ? 4 : 5)), isPEM: isPEM)
        }
    }

    static func read(_ path: String) throws(TokenKeyError) -> String {
        guard let data = FileManager.default.contents(atPath: path), data.count <= 65_536,
            let text = String(data: data, encoding: .utf8)
        else { throw TokenKeyError(path, "can't be read as a key file") }
        return text
    }

    static func createFirstKey(in directory: String, now: Timestamp) throws(TokenKeyError) {
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw TokenKeyError(directory, "the key folder can't be made")
        }
        let lock = open(directory + "/.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw systemError(directory, "can't be locked") }
        defer { close(lock) }
        while flock(lock, LOCK_EX) != 0 {
            guard errno == EINTR else { throw systemError(directory, "can't be locked") }
        }
        // Another process may have been first while this one waited.
        guard try list(directory).isEmpty else { return }

        // Compact UTC time, so that names sort by age, and a random end, so that they never repeat.
        let time = String(decoding: now.rfc3339.prefix(19).utf8.filter(\.isASCIIDigit), as: UTF8.self)
        let name = "\(time)-\(ID<TokenTag>().description.suffix(12)).pem"
        guard let key = try? EdDSA.PrivateKey() else { throw TokenKeyError(name, "can't be generated") }
        try writeAtomically([UInt8]((key.pemRepresentation + "\n").utf8), name, in: directory)
    }

    private static func writeAtomically(
        _ bytes: [UInt8], _ name: String, in directory: String
    ) throws(TokenKeyError) {
        let path = directory + "/" + name
        let temporary = directory + "/." + name + ".new"
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw systemError(path, "can't be written") }
        let written = bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
        let synced = fsync(file)
        close(file)
        guard written == bytes.count, synced == 0, rename(temporary, path) == 0 else {
            let error = systemError(path, "can't be written")
            unlink(temporary)
            throw error
        }
        let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return }
        fsync(folder)
        close(folder)
    }

    private static func systemError(_ name: String, _ problem: String) -> TokenKeyError {
        TokenKeyError(name, "\(problem): \(String(cString: strerror(errno)))")
    }
}
