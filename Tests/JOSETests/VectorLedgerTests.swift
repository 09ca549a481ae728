import Foundation
import JOSE
import Testing

/// Every published vector is run, or listed with the reason why not.
@Suite struct VectorLedgerTests {
    @Test("Every vector of the file comes out as published, or is listed with a reason", arguments: VectorLedger.files)
    func account(file: VectorFile) throws {
        let reports = try file.suites.map { try $0() }
        #expect(try VectorLedger.faults(VectorLedger.identifiers(in: Vectors.json(file.path)), reports) == [])
    }

    @Test("Every file of vectors has exactly one row")
    func rows() throws {
        let folder = try #require(Bundle.module.resourceURL).appending(path: "Vectors").standardizedFileURL
        let found = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".json") }
        #expect(!found.isEmpty)
        #expect(VectorLedger.files.map(\.path).sorted() == found.sorted())
    }

    @Test("An account that leaves out, repeats or invents a vector is refused, a whole one is taken")
    func faults() {
        func report(_ ran: [String], _ skipped: [String: String] = [:]) -> VectorReport {
            var report = VectorReport()
            for id in ran { report.run(id) {} }
            for (id, reason) in skipped { report.skip(id, because: reason) }
            return report
        }
        let reason = "secp256k1 is not in the table"
        let rows: [(String?, [VectorReport])] = [
            (nil, [report(["1", "2"], ["3": reason])]),
            (nil, [report(["1"]), report(["2"]), report([], ["3": reason])]),
            ("3: neither run nor listed with a reason", [report(["1", "2"])]),
            ("4: run, but not in the file", [report(["1", "2", "3", "4"])]),
            ("4: a reason for a vector that is not in the file", [report(["1", "2", "3"], ["4": reason])]),
            ("3: run, and listed as not applicable", [report(["1", "2", "3"]), report([], ["3": reason])]),
            ("2: reported twice", [report(["1", "2", "2", "3"])]),
            ("3: a reason that says nothing", [report(["1", "2"], ["3": "no"])]),
        ]
        for (fault, reports) in rows {
            #expect(VectorLedger.faults(["1", "2", "3"], reports) == (fault.map { [$0] } ?? []))
        }
        #expect(VectorLedger.faults([], []) == ["the file holds no vector"])
        #expect(VectorLedger.faults(["1", "1"], [report(["1"])]) == ["the file names a vector twice"])
    }

    @Test("A vector whose check fails is a failure of the account")
    func failingCheck() {
        var report = VectorReport()
        var failures: [String] = []
        let spoiled = JOSEError(.signatureInvalid, reason: "spoiled")
        report.run("1", { throw spoiled }, failing: { failures.append("\($1): \($0)") })
        report.run("2", {}, failing: { failures.append("\($1): \($0)") })
        #expect(failures == ["vector 1: \(spoiled)"])
        #expect(report.ran == ["1", "2"])
    }

    @Test("Vectors are found in each of the formats, and an unknown format is refused")
    func formats() throws {
        let wycheproof: JSON = [
            "numberOfTests": 3, "testGroups": [["tests": [["tcId": 1], ["tcId": 2]]], ["tests": [["tcId": 7]]]],
        ]
        #expect(try VectorLedger.identifiers(in: wycheproof) == ["1", "2", "7"])
        #expect(try VectorLedger.identifiers(in: ["vectors": [["name": "a"], ["name": "b"]]]) == ["a", "b"])
        #expect(
            try VectorLedger.identifiers(in: ["title": "RSA v1.5 Signature", "input": [:]]) == ["RSA v1.5 Signature"]
        )
        #expect(try VectorLedger.identifiers(in: ["kty": "EC"]) == ["key"])
        #expect(throws: (any Error).self) { try VectorLedger.identifiers(in: ["note": "x"]) }
    }
}
