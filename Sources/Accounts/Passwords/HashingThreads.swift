import CArgon2
import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A few threads of low priority for work that takes long and much memory, with a bounded queue.
///
/// Threads rather than tasks: a task that computes for 40 ms holds one of the few cooperative threads, and a login storm
/// would hold them all. They start with the first work and end with this object.
final class HashingThreads: Sendable {
    private let shared: Shared

    /// - Parameters:
    ///   - count: how many threads; at least one.
    ///   - waiting: how much work may wait for a thread.
    init(count: Int, waiting: Int) {
        shared = Shared(threads: max(count, 1), waiting: max(waiting, 0))
    }

    deinit { shared.close() }

    /// How much is running or waiting.
    var load: Int { shared.load }

    /// What `work` returns, or `nil` at once if too much is waiting already.
    func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value? {
        await withCheckedContinuation { continuation in
            let isAccepted = shared.submit { continuation.resume(returning: work()) }
            if !isAccepted { continuation.resume(returning: nil) }
        }
    }
}

/// What the threads and their owner share.
///
/// It outlives the owner until the last thread has ended.
private final class Shared: Sendable {
    private struct State {
        var queue: [@Sendable () -> Void] = []
        var running = 0
        var started = 0
        var isClosed = false
    }

    /// After so long without work the memory that it took goes back to the system, in seconds.
    private static let rest = 60.0

    private let state = Mutex(State())
    private let wake = DispatchSemaphore(value: 0)
    private let threads: Int
    private let waiting: Int

    init(threads: Int, waiting: Int) {
        self.threads = threads
        self.waiting = waiting
    }

    func submit(_ job: @escaping @Sendable () -> Void) -> Bool {
        let isAccepted = state.withLock { state in
            while state.started < threads, Self.start(self) { state.started += 1 }
            // Without a thread nothing that is queued would ever run.
            guard state.started > 0, state.queue.count + state.running < state.started + waiting else { return false }
            state.queue.append(job)
            return true
        }
        if isAccepted { wake.signal() }
        return isAccepted
    }

    var load: Int { state.withLock { $0.queue.count + $0.running } }

    func close() {
        let started = state.withLock { state in
            state.isClosed = true
            return state.started
        }
        for _ in 0..<started { wake.signal() }
    }

    private func work() {
        Self.yieldToEverythingElse()
        var hasWorked = false
        while true {
            if hasWorked, wake.wait(timeout: .now() + Self.rest) == .timedOut {
                hasWorked = false
                Self.giveMemoryBack()
            }
            if !hasWorked { wake.wait() }
            let next = state.withLock { state -> (@Sendable () -> Void)? in
                guard !state.queue.isEmpty else { return nil }
                state.running += 1
                return state.queue.removeFirst()
            }
            guard let next else {
                if state.withLock({ $0.isClosed }) { return }
                continue
            }
            next()
            hasWorked = true
            state.withLock { $0.running -= 1 }
        }
    }

    /// What the allocator keeps for this thread: as much as a hash takes, which lies free at the end of an arena of its own.
    ///
    /// malloc_trim(3) leaves that where it is. It goes when something is freed while the threshold is lower (mallopt(3)); above
    /// what a hash takes the threshold saves a fault for each of its pages. Nothing of more than 32 MiB is kept at all.
    private static func giveMemoryBack() {
        #if canImport(Glibc)
            mallopt(M_TRIM_THRESHOLD, 0)
            let something = malloc(80 * 1024)
            // Otherwise the compiler sees that nothing comes of it, and leaves both out.
            _ = malloc_usable_size(something)
            free(something)
            mallopt(M_TRIM_THRESHOLD, 64 * 1024 * 1024)
        #endif
    }

    private static func start(_ shared: Shared) -> Bool {
        var attributes = pthread_attr_t()
        guard pthread_attr_init(&attributes) == 0 else { return false }
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        #if canImport(Darwin)
            var thread: pthread_t?
        #else
            var thread = pthread_t()
        #endif
        let argument = Unmanaged.passRetained(shared)
        let code = pthread_create(
            &thread,
            &attributes,
            { pointer in
                let pointer: UnsafeMutableRawPointer? = pointer
                if let pointer { Unmanaged<Shared>.fromOpaque(pointer).takeRetainedValue().work() }
                return nil
            },
            argument.toOpaque()
        )
        guard code == 0 else {
            argument.release()
            return false
        }
        return true
    }

    /// A low claim on the processor, which still gets a share of a busy machine.
    private static func yieldToEverythingElse() {
        #if canImport(Darwin)
            _ = pthread_set_qos_class_self_np(QOS_CLASS_UTILITY, 0)
        #else
            // Linux keeps the nice value a thread, and 0 names the calling one (setpriority(2), "C library/kernel
            // differences"). A failure only means that hashing competes as an equal.
            #if canImport(Glibc)
                let which = __priority_which_t(PRIO_PROCESS.rawValue)
            #else
                let which = PRIO_PROCESS
            #endif
            _ = setpriority(which, 0, 10)
        #endif
    }
}
