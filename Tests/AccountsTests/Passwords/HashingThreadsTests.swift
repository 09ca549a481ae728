import Dispatch
import Synchronization
import Testing

@testable import Accounts

#if canImport(Glibc)
    import Glibc
#endif

/// Counts who is inside.
private final class Gauge: Sendable {
    private let count = Mutex((now: 0, most: 0))

    var most: Int { count.withLock { $0.most } }

    func enter() {
        count.withLock { count in
            count.now += 1
            count.most = max(count.most, count.now)
        }
    }

    func leave() { count.withLock { $0.now -= 1 } }
}

@Suite("Hashing has threads of its own")
struct HashingThreadsTests {
    @Test("No more runs at once than there are threads", .timeLimit(.minutes(5)))
    func concurrencyIsBounded() async {
        let threads = HashingThreads(count: 2, waiting: 100)
        let gauge = Gauge()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<60 {
                group.addTask {
                    _ = await threads.run {
                        gauge.enter()
                        usleep(500)
                        gauge.leave()
                    }
                }
            }
        }
        #expect(gauge.most == 2)
        while threads.load > 0 { await Task.yield() }
    }

    @Test("While all threads are held, everything else goes on", .timeLimit(.minutes(5)))
    func everythingElseGoesOn() async {
        let threads = HashingThreads(count: 2, waiting: 10)
        let gate = DispatchSemaphore(value: 0)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<12 { group.addTask { _ = await threads.run { gate.wait() } } }
            while threads.load < 12 { await Task.yield() }
            let others = await withTaskGroup(of: Int.self) { others in
                for number in 0..<100 { others.addTask { number } }
                return await others.reduce(0, +)
            }
            #expect(others == 4950)
            #expect(threads.load == 12)
            for _ in 0..<12 { gate.signal() }
        }
    }

    #if canImport(Glibc)
        @Test("The threads yield to all others: nice 10, while this thread stays as it is")
        func threadsAreNice() async {
            let which = __priority_which_t(PRIO_PROCESS.rawValue)
            let before = getpriority(which, 0)
            let there = await HashingThreads(count: 1, waiting: 1).run { getpriority(which, 0) }
            #expect(there == max(before, 10))
        }
    #endif
}
