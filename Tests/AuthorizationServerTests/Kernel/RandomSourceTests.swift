import AuthorizationServer
import Testing

@Suite struct RandomSourceTests {
    @Test func `As many bytes as are asked for, also more than the system is asked for at once`() {
        let random = SystemRandomSource()
        for count in [0, 1, 12, 16, 255, 256, 257, 1000] { #expect(random.bytes(count).count == count) }
    }

    @Test func `Nothing comes twice, whoever asks beside whom`() async {
        let random = SystemRandomSource()
        let drawn = await withTaskGroup(of: [[UInt8]].self) { group in
            for _ in 0..<4 { group.addTask { (0..<500).map { _ in random.bytes(12) } } }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(drawn).count == 2000)
        // What was handed out is zeros from then on.
        #expect(!drawn.contains { $0.prefix(5).allSatisfy { $0 == 0 } || $0.suffix(5).allSatisfy { $0 == 0 } })
    }
}
