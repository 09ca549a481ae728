import FoundationEssentials
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// How the threads of a server share the processors that it may use.
enum ProcessorShare {
    /// To be called before anything else runs: threads take the policy of the thread that starts them.
    static func prepare() {
        #if os(Linux)
            workInBatches()
            // Otherwise as many as the machine has, which a process that is kept to some of its processors must not use.
            if usable < System.coreCount { NIOSingletons.groupLoopCountSuggestion = usable }
        #endif
    }

    #if os(Linux)
        /// A thread that has something to do waits for the one that works, instead of taking its place at once (sched(7),
        /// `SCHED_BATCH`).
        ///
        /// The threads of the sockets wake for every answer that another thread has made. Taking its place each time they send
        /// one answer a turn; waiting, they send what has gathered: half as many processor seconds a request on a busy
        /// core, and nothing is different on one that is not (Docs/performance.md). A failure only means the former.
        private static func workInBatches() {
            var parameter = sched_param()
            parameter.sched_priority = 0
            _ = sched_setscheduler(0, 3, &parameter)
        }

    #endif

    /// How many processors this process may use: as many as there are, where nothing else can be told.
    static var usable: Int {
        let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        return status.flatMap(allowed(inStatus:)) ?? System.coreCount
    }

    /// The processors of the mask in a `/proc/PID/status` (proc_pid_status(5), `Cpus_allowed`).
    static func allowed(inStatus text: String) -> Int? {
        let name = "Cpus_allowed:"
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name) }) else { return nil }
        let digits = line.dropFirst(name.count).compactMap(\.hexDigitValue)
        return digits.isEmpty ? nil : digits.reduce(0) { $0 + $1.nonzeroBitCount }
    }
}
