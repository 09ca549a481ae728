import Storage
import Testing

@testable import AuthorizationServer

@Suite struct MemoTests {
    @Test func `What is kept is recalled, and a full memo begins anew`() {
        let memo = Memo<Int, String>(largestCount: 2)
        #expect(memo.recall(1) == nil)
        #expect(memo.value(for: 1) { "one" } == "one")
        #expect(memo.value(for: 1) { "another" } == "one")
        memo.keep("two", for: 2)
        memo.keep("three", for: 3)
        #expect(memo.recall(1) == nil && memo.recall(2) == nil && memo.recall(3) == "three")
    }

    @Test func `A payload is decoded anew when its bytes are others, whatever its key and version`() throws {
        let memo = PayloadMemo()
        func record(_ payload: String) -> Record {
            Record(key: RecordKey(RevocationRecord.kind, "x"), payload: Array(payload.utf8))
        }
        let old: Stored<RevocationRecord> = try memo.stored(
            record(#"{"body":{"notBefore":1,"target":"client:a"},"v":1}"#)
        )
        let new: Stored<RevocationRecord> = try memo.stored(
            record(#"{"body":{"notBefore":2,"target":"client:a"},"v":1}"#)
        )
        #expect(old.content.notBefore < new.content.notBefore)
        #expect(throws: StoreError.self) {
            let _: Stored<RevocationRecord> = try memo.stored(record("{}"))
        }
        // Of another type, it is not what was decoded before.
        #expect(throws: StoreError.self) {
            let _: Stored<EndingRecord> = try memo.stored(
                record(#"{"body":{"notBefore":2,"target":"client:a"},"v":1}"#)
            )
        }
    }
}
