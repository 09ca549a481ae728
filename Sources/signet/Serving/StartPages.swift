import FoundationEssentials
import ServiceLifecycle

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Lets go of what only the start needed of the executable.
///
/// The first look for each conformance of a type goes through all that the program has, and with them most of its pages come
/// into memory, for good where memory is plenty. They are clean: whatever is needed again is mapped again, within microseconds
/// and mostly out of the page cache.
struct StartPages: Service {
    var pause: Duration = .seconds(1)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            guard (try? await Task.sleep(for: pause)) != nil else { return }
            Self.release()
        }
        // A service that is done would end the others.
        try? await gracefulShutdown()
    }

    private static func release() {
        #if os(Linux)
            guard let executable = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"),
                let maps = try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)
            else { return }
            for range in code(of: executable, inMaps: maps) {
                // Never written to, so that dropping loses nothing (madvise(2), MADV_DONTNEED).
                madvise(UnsafeMutableRawPointer(bitPattern: range.lowerBound), range.count, 4)
            }
        #endif
    }

    /// Where the code of a file is mapped, by a `/proc/PID/maps` (proc_pid_maps(5)): its parts that can be executed and not written.
    static func code(of file: String, inMaps text: String) -> [Range<UInt>] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
            guard fields.count == 6, fields[1] == "r-xp", fields[5].drop(while: { $0 == " " }) == file else {
                return nil
            }
            let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            return ends.count == 2 && ends[0] < ends[1] ? ends[0]..<ends[1] : nil
        }
    }
}
