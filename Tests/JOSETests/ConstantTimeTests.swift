import JOSE
import Testing

@Suite struct ConstantTimeTests {
    @Test("Equal bytes are equal, and one flipped bit anywhere makes a difference")
    func comparison() {
        let secret = [UInt8](0..<32)
        #expect(ConstantTime.equal(secret, [UInt8](0..<32)))
        for bit in 0..<256 {
            var other = secret
            other[bit / 8] ^= 1 << (bit % 8)
            #expect(!ConstantTime.equal(secret, other))
        }
    }

    @Test("Other lengths are never equal")
    func lengths() {
        #expect(ConstantTime.equal([], []))
        #expect(!ConstantTime.equal([0], []))
        #expect(!ConstantTime.equal([1, 2, 3], [1, 2]))
    }
}
