import AuthorizationServer
import Foundation
import Testing

@testable import signet

/// A folder of the test's own, gone when the test is over.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "signet-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ bytes: [UInt8], to name: String, mode: Int = 0o600) throws {
        try Data(bytes).write(to: URL(filePath: "\(path)/\(name)"))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: "\(path)/\(name)")
    }

    func bytes(of name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: "\(path)/\(name)"))) }

    func mode(of name: String) throws -> UInt32? { try Files.status("\(path)/\(name)")?.mode }
}

/// Bytes that are the same in every run.
struct CountingRandomness: RandomSource {
    func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0) } }
}

func refusal(_ body: () throws -> Void) -> Failure? {
    do {
        try body()
        return nil
    } catch {
        return Failure(error)
    }
}

func failure(_ body: () async throws -> Void) async -> Failure? {
    do {
        try await body()
        return nil
    } catch {
        return Failure(error)
    }
}

@Suite("Data folder")
struct DataFolderTests {
    let temporary: TemporaryFolder
    let random = CountingRandomness()

    init() throws { temporary = try TemporaryFolder() }

    @Test("A lock that is refused closes its file once: the number may be another thread's by then")
    func refusedLock() throws {
        let folder = DataFolder(temporary.path)
        let held = try folder.lock(.shared)
        defer { withExtendedLifetime(held) {} }
        var lock = try? FolderLock(folder, for: .shared)
        #expect(lock != nil)
        errno = 0
        lock = try? FolderLock(folder, for: .exclusive)
        // Closing it again would be EBADF.
        #expect(errno == EWOULDBLOCK)
        #expect(lock == nil)
    }

    @Test("A missing folder is made for its owner alone, with its parents, and the key in it too")
    func made() throws {
        let folder = DataFolder(temporary.path + "/a/b/")
        try folder.prepare(.create)
        _ = try folder.masterKey(.create, hasRecords: false, random: random)
        #expect(try temporary.mode(of: "a/b") == 0o700)
        #expect(try temporary.mode(of: "a/b/master.key") == 0o600)
        #expect(try temporary.bytes(of: "a/b/master.key") == random.bytes(32))
        #expect(folder.database == temporary.path + "/a/b/signet.sqlite")
    }

    @Test("A command other than serve makes no folder: a mistyped path must not become an empty server")
    func notMade() throws {
        let folder = DataFolder(temporary.path + "/typo")
        let refused = refusal { try folder.prepare(.refuse) }
        #expect(refused?.status == .noInput)
        #expect(refused?.description.contains("--data-dir") == true)
        #expect(try Files.status(folder.path) == nil)
        #expect(refusal { try folder.prepare(.create) } == nil)
        #expect(refusal { try folder.prepare(.refuse) } == nil)
    }

    @Test("A folder that cannot be made is one sentence with exit code 73", arguments: ["/dev/null/x", "/proc/x"])
    func unmakable(path: String) {
        let refused = refusal { try DataFolder(path).prepare(.create) }
        #expect(refused?.status == .cannotCreate)
        #expect(refused?.sentences.count == 1)
        #expect(refused?.description.contains(path) == true)
    }

    @Test("A file where the folder should be is refused and left alone")
    func fileInTheWay() throws {
        try temporary.write([1, 2, 3], to: "data")
        #expect(refusal { try DataFolder(temporary.path + "/data").prepare(.create) }?.status == .cannotCreate)
        #expect(try temporary.bytes(of: "data") == [1, 2, 3])
    }

    @Test(
        "A master key that others can read is refused; the same key with mode 0600 is taken",
        arguments: [
            0o640, 0o604, 0o644, 0o620, 0o601, 0o777,
        ]
    )
    func readableKey(mode: Int) throws {
        let folder = DataFolder(temporary.path)
        try temporary.write(random.bytes(32), to: "master.key", mode: mode)
        let refused = refusal { _ = try folder.masterKey(.create, hasRecords: false, random: random) }
        #expect(refused?.status == .permission)
        #expect(refused?.description.contains("chmod 600") == true)
        try temporary.write(random.bytes(32), to: "master.key", mode: 0o600)
        #expect(refusal { _ = try folder.masterKey(.create, hasRecords: false, random: random) } == nil)
        try temporary.write(random.bytes(32), to: "master.key", mode: 0o400)
        #expect(refusal { _ = try folder.masterKey(.create, hasRecords: false, random: random) } == nil)
    }

    @Test("A master key of another size is refused and left alone", arguments: [0, 1, 31, 33, 64, 2000])
    func wrongSize(count: Int) throws {
        let bytes = random.bytes(count)
        try temporary.write(bytes, to: "master.key")
        let refused = refusal {
            _ = try DataFolder(temporary.path).masterKey(.create, hasRecords: false, random: random)
        }
        #expect(refused != nil)
        #expect(refused?.description.contains("master.key") == true)
        #expect(try temporary.bytes(of: "master.key") == bytes)
    }

    @Test("A missing master key is never made anew beside a database: what is in it would be lost")
    func missingKey() throws {
        try temporary.write([], to: "signet.sqlite")
        let folder = DataFolder(temporary.path)
        let refused = refusal {
            _ = try folder.masterKey(.create, hasRecords: try folder.hasDatabase(), random: random)
        }
        #expect(refused?.status == .permission)
        #expect(refused?.description.contains("backup") == true)
        #expect(try Files.status(temporary.path + "/master.key") == nil)
    }

    @Test("In an empty folder a command finds no server, and makes none")
    func emptyFolder() throws {
        let refused = refusal {
            _ = try DataFolder(temporary.path).masterKey(.refuse, hasRecords: false, random: random)
        }
        #expect(refused?.status == .noInput)
        #expect(refused?.description.contains("holds no server") == true)
        #expect(try FileManager.default.contentsOfDirectory(atPath: temporary.path).isEmpty)
    }

    @Test("Of two processes that make the key at the same time, one wins and both read the same")
    func race() async throws {
        let folder = DataFolder(temporary.path)
        let fingerprints = try await withThrowingTaskGroup(of: String?.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    // Losing the race is an error of the loser, as a second start would be; it never replaces the key.
                    (try? folder.masterKey(.create, hasRecords: false, random: SystemRandomSource())).map {
                        DerivedKeys($0).fingerprint
                    }
                }
            }
            var all: Set<String> = []
            for try await fingerprint in group { if let fingerprint { all.insert(fingerprint) } }
            return all
        }
        #expect(fingerprints.count == 1)
    }

    @Test("A new file is there whole or not at all, and never replaces another")
    func createsOnce() throws {
        let path = temporary.path + "/file"
        try Files.create(path, mode: 0o600, content: [1])
        #expect(throws: Files.SystemError.self) { try Files.create(path, mode: 0o600, content: [2]) }
        #expect(try temporary.bytes(of: "file") == [1])
        #expect(try FileManager.default.contentsOfDirectory(atPath: temporary.path) == ["file"])
    }

    @Test("A file is read up to its limit and no further")
    func limit() throws {
        try temporary.write(random.bytes(100), to: "file")
        #expect(try Files.read(temporary.path + "/file", limit: 100).count == 100)
        #expect(throws: Files.SystemError.self) { try Files.read(temporary.path + "/file", limit: 99) }
    }
}
