import Storage
import StorageConformance
import Testing

/// A suite that no store can fail proves nothing: each fault must be noticed.
@Suite
struct PlantedFaultTests {
    private func passes(_ check: ConformanceCheck, with fault: Fault?) async -> Bool {
        do {
            try await check.run { FaultyStore(fault) }
            return true
        } catch {
            return false
        }
    }

    private func firstFailure(of fault: Fault?) async -> String? {
        for check in StoreConformance.checks where await !passes(check, with: fault) { return check.name }
        return nil
    }

    @Test func `The wrapper without a fault passes, so the faults are what fails`() async {
        #expect(await firstFailure(of: nil) == nil)
    }

    @Test(arguments: Fault.allCases)
    func `A store with a planted fault fails a check`(fault: Fault) async {
        #expect(await firstFailure(of: fault) != nil)
    }

    @Test(arguments: [
        (Fault.dropsCompareAndSwap, "100 tasks replace one version: exactly one lineage is left (CVE-2026-1035)"),
        (.readsThenWrites, "100 tasks replace one version: exactly one lineage is left (CVE-2026-1035)"),
        (.consumesTwice, "100 tasks consume one record: exactly one wins, and the others see the winner's"),
        (.ignoresRequire, "disabling a person cannot race an issuance that requires him (CVE-2025-64521)"),
        (.forgetsExpiry, "a record is gone from the first moment of its expiry, by key and by index"),
        (.expiresLate, "a record is gone from the first moment of its expiry, by key and by index"),
        (.appliesOneByOne, "when one change does not hold, none is applied, and its position is told"),
        (.reportsFirstPosition, "the first conflict is told, not a later one"),
        (.mixesKinds, "insert: a kind's identifiers do not stand in the way of another's (CVE-2026-4282)"),
        (.emptyPageAtZero, "page: a limit of 0, below or beyond is clamped to 1 and 1000 (FIELD P45)"),
        (.sweepsEverything, "sweep: deletes at most as many as it was told, and ends"),
        (.sweepsTheLiving, "sweep: deletes what has expired and nothing else"),
        (.sweepsNothing, "sweep: deletes at most as many as it was told, and ends"),
        (.cutsTextAtZero, "families, subjects and clients are compared byte by byte"),
        (.readsLookupsApart, "one find sees one moment: records that change together are seen together"),
    ])
    func `A planted fault fails the check that is about it`(fault: Fault, name: String) async throws {
        let check = try #require(StoreConformance.checks.first { $0.name == name })
        #expect(await !passes(check, with: fault))
    }

    @Test func `Every check has a name of its own`() {
        #expect(Set(StoreConformance.checks.map(\.name)).count == StoreConformance.checks.count)
    }

    @Test func `A failure names its check, what was expected and what came`() async throws {
        let check = try #require(StoreConformance.checks.first { $0.name.hasPrefix("a spent record is still found") })
        let failure = await #expect(throws: ConformanceFailure.self) {
            try await check.run { FaultyStore(.hidesSpent) }
        }
        #expect(failure?.check == check.name)
        #expect(failure?.reason.hasPrefix("the spent record should be Optional(") == true)
        #expect(failure?.reason.hasSuffix("and is nil") == true)
    }
}
