import FoundationEssentials
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The refusals of late, as lines of JSON in the data folder: mode 0600, bounded, written behind the requests' backs.
///
/// It is a convenience and no audit trail: what cannot be written in time is dropped and counted, never waited for.
package final class ExplainLog: Sendable {
    package static let fileName = "refusals.jsonl"
    package static let rotatedName = "refusals.1.jsonl"
    /// When the file is this large it becomes the rotated one, in bytes.
    package static let standardSize = 4 * 1024 * 1024
    /// Entries that wait to be written.
    static let longestQueue = 1024

    private struct State {
        var waiting: [RefusalLogEntry] = []
        var isWriting = false
        var dropped = 0
    }

    private let folder: String
    private let maximumBytes: Int
    private let state = Mutex(State())

    /// - Parameter folder: The data folder; files appear in it with the first refusal.
    package init(folder: String, maximumBytes: Int = ExplainLog.standardSize) {
        self.folder = folder
        self.maximumBytes = maximumBytes
    }

    /// Entries that were dropped because the disk did not keep up.
    package var dropped: Int { state.withLock { $0.dropped } }

    /// Takes the entry and returns at once.
    package func append(_ entry: RefusalLogEntry) {
        let mustStart = state.withLock { state in
            guard state.waiting.count < Self.longestQueue else {
                state.dropped += 1
                return false
            }
            state.waiting.append(entry)
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if mustStart { NIOThreadPool.singleton.submit { _ in self.drain() } }
    }

    /// Writes what waits, in order; one thread at a time.
    private func drain() {
        while let batch = next() { write(batch) }
    }

    private func next() -> [RefusalLogEntry]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.isWriting = false
                return nil
            }
            defer { state.waiting = [] }
            return state.waiting
        }
    }

    private func write(_ batch: [RefusalLogEntry]) {
        let encoder = JSONEncoder()
        var bytes: [UInt8] = []
        for entry in batch {
            guard let line = try? encoder.encode(entry) else { continue }
            bytes.append(contentsOf: line)
            bytes.append(UInt8(ascii: "\n"))
        }
        let path = "\(folder)/\(Self.fileName)"
        // O_NOFOLLOW: a link that somebody put there would be written through.
        let file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else {
            state.withLock { $0.dropped += batch.count }
            return
        }
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Self.writeBytes(file, $0) }
            guard count > 0 else { break }
            written += count
        }
        let size = lseek(file, 0, SEEK_END)
        close(file)
        if Int(size) >= maximumBytes { rename(path, "\(folder)/\(Self.rotatedName)") }
    }

    /// The entry of a trace id, from the files alone: this works in another process, and after the server is gone.
    ///
    /// `nil` if there is none. Throws if a file is there and cannot be read.
    package static func find(_ traceID: String, in folder: String) throws -> RefusalLogEntry? {
        let decoder = JSONDecoder()
        for name in [fileName, rotatedName] {
            let path = "\(folder)/\(name)"
            let bytes: Data
            do {
                bytes = try Data(contentsOf: URL(filePath: path))
            } catch let error as CocoaError where error.code == .fileReadNoSuchFile {
                // None yet, or it has just become the rotated one.
                continue
            }
            for line in bytes.split(separator: UInt8(ascii: "\n")).reversed() {
                // A line that was cut off by a crash is no entry.
                guard let entry = try? decoder.decode(RefusalLogEntry.self, from: line) else { continue }
                if entry.traceID == traceID { return entry }
            }
        }
        return nil
    }

    private static func writeBytes(_ file: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        guard let start = bytes.baseAddress else { return 0 }
        #if canImport(Glibc)
            return Glibc.write(file, start, bytes.count)
        #elseif canImport(Musl)
            return Musl.write(file, start, bytes.count)
        #else
            return Darwin.write(file, start, bytes.count)
        #endif
    }
}
