import Foundation
import SoukTesting
import Testing

@testable import SoukService

@Suite struct PrivateFilesTests {
    private func mode(_ path: String) throws -> Int {
        let value = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber
        return try #require(value).intValue
    }

    @Test func takesTheRightsOfOthersFromEverything() throws {
        let folder = try TemporaryFolder()
        let (root, inner) = (folder.path("data"), folder.path("data/mail/2026"))
        let outside = folder.path("outside")
        try FileManager.default.createDirectory(
            atPath: inner, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        for file in ["\(root)/order.sqlite", "\(root)/order.sqlite-wal", "\(inner)/1.eml", outside] {
            try Data("x".utf8).write(to: URL(fileURLWithPath: file))
            chmod(file, 0o664)
        }
        chmod("\(root)/order.sqlite-wal", 0o440)
        try FileManager.default.createSymbolicLink(atPath: "\(root)/link", withDestinationPath: outside)

        try PrivateFiles.claim(root)
        try PrivateFiles.tighten(below: root)
        for path in [root, "\(root)/mail", inner] { #expect(try mode(path) == 0o700, "\(path)") }
        for path in ["\(root)/order.sqlite", "\(inner)/1.eml"] { #expect(try mode(path) == 0o600, "\(path)") }
        #expect(try mode("\(root)/order.sqlite-wal") == 0o400)
        #expect(try mode(outside) == 0o664)
    }

    @Test func refusesWhatIsNoDirectoryOrAnotherUsers() throws {
        let folder = try TemporaryFolder()
        let file = folder.path("file")
        try Data().write(to: URL(fileURLWithPath: file))
        #expect(throws: StartupError("\(file) is no directory")) { try PrivateFiles.claim(file) }
        #expect(throws: StartupError.self) { try PrivateFiles.claim(folder.path("nothing")) }
        let other = geteuid() == 0 ? folder.path("theirs") : "/"
        if geteuid() == 0 {
            mkdir(other, 0o777)
            chown(other, 12_345, 12_345)
        }
        let error = #expect(throws: StartupError.self) { try PrivateFiles.claim(other) }
        #expect(error?.description.contains("belongs to user") == true)
    }
}
