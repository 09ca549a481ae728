import Foundation
import Instants
import SQLiteStore
import Storage

// The program that `store_crash.py` kills: it issues, rotates and revokes on a SQLite store as fast as it can, and writes
// one line to standard output for every change that the store has acknowledged. It ends only by being killed.
//
//     StoreVictim DATABASE full|none SEED ROUND

let codeKind = RecordKind("code")
let familyKind = RecordKind("family")
let revocationKind = RecordKind("revocation")
let now = Instant(secondsSinceEpoch: 1_800_000_000)

/// SplitMix64: the same seed makes the same choices.
struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

func key(_ kind: RecordKind, _ name: String) -> RecordKey {
    RecordKey(kind: kind, identifier: IdentifierHash(bytes: Array(name.utf8)))
}

/// One line in one write: on a pipe it arrives whole or not at all.
func acknowledge(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
}

struct Worker {
    let store: SQLiteStore
    let name: String
    var dice: Dice
    var codes: [String]
    var families: [String]
    var count = 0

    mutating func step() async throws {
        switch Int.random(in: 0..<100, using: &dice) {
        case 0..<35: try await issue()
        case 35..<80: try await rotate()
        case 80..<88: try await revoke()
        default: try await replay()
        }
    }

    private mutating func fresh(_ prefix: String) -> String {
        count += 1
        return "\(prefix)-\(name)-\(count)"
    }

    private mutating func issue() async throws {
        let code = fresh("c")
        let record = Record(key: key(codeKind, code), family: code, subject: "s\(count % 9)", payload: [])
        guard try await store.apply([.insert(record)], now: now) == .applied else { return }
        acknowledge("code \(code)")
        codes.append(code)
        try await pay(code)
    }

    private mutating func pay(_ code: String) async throws {
        let family = fresh("f")
        let record = Record(
            key: key(familyKind, family),
            family: family,
            expiresAt: now + .seconds(count),
            payload: Array("1".utf8) + Array(repeating: 46, count: count % 700)
        )
        guard try await store.apply([.consume(key(codeKind, code)), .insert(record)], now: now) == .applied else {
            return
        }
        acknowledge("pay \(code) \(family)")
        families.append(family)
    }

    private mutating func replay() async throws {
        guard let code = codes.randomElement(using: &dice) else { return }
        try await pay(code)
    }

    private mutating func rotate() async throws {
        guard let family = families.randomElement(using: &dice),
            var record = try await store.find(key(familyKind, family), now: now), record.consumedAt == nil
        else { return }
        let version = record.version
        record.payload = Array("\(version + 1)".utf8) + record.payload.drop { $0 != 46 }
        record.expiresAt = record.expiresAt.map { $0 + .seconds(1) }
        guard try await store.apply([.replace(record, ifVersion: version)], now: now) == .applied else { return }
        acknowledge("rotate \(family) \(version)")
    }

    private mutating func revoke() async throws {
        guard let family = families.randomElement(using: &dice) else { return }
        let revocation = Record(key: key(revocationKind, family), payload: [])
        guard try await store.apply([.revokeFamily(family), .insert(revocation)], now: now) == .applied else { return }
        acknowledge("revoke \(family)")
    }
}

/// The names of up to 1000 records of a kind: what earlier rounds left to be attacked and rotated.
func names(_ kind: RecordKind, in store: SQLiteStore) async throws -> [String] {
    try await store.page(kind, filter: .all, after: nil, limit: 1000, now: now)
        .map { String(decoding: $0.key.identifier.bytes, as: UTF8.self) }
}

let arguments = CommandLine.arguments
guard arguments.count == 5, let seed = UInt64(arguments[3]) else {
    FileHandle.standardError.write(Data("usage: StoreVictim DATABASE full|none SEED ROUND\n".utf8))
    exit(64)
}
var settings = SQLiteStoreSettings()
settings.durability = arguments[2] == "none" ? .none : .full
do {
    let store = try SQLiteStore(path: arguments[1], settings: settings)
    let codes = try await names(codeKind, in: store)
    let families = try await names(familyKind, in: store)
    acknowledge("ready")
    try await withThrowingTaskGroup(of: Void.self) { group in
        for task in 0..<32 {
            var worker = Worker(
                store: store,
                name: "\(arguments[4])-\(task)",
                dice: Dice(state: seed &+ UInt64(task) &* 7919),
                codes: codes,
                families: families
            )
            group.addTask { while true { try await worker.step() } }
        }
        try await group.waitForAll()
    }
} catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(1)
}
