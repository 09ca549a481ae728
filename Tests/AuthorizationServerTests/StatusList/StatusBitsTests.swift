import Storage
import Testing

@testable import AuthorizationServer

/// draft-ietf-oauth-status-list section 4: what a list looks like, byte by byte.
@Suite struct StatusBitsTests {
    @Test func `The draft's first example is packed and compressed as the draft has it (RFC 1950, RFC 1951)`() throws {
        var bits = StatusBits()
        for index in [0, 3, 4, 5, 7, 8, 9, 13, 15] { bits.revoke(index) }
        #expect(Array(bits.bytes.prefix(2)) == [0xB9, 0xA3])
        // The draft's bytes, which some other implementation of DEFLATE made.
        let draft: [UInt8] = [0x78, 0xDA, 0xDB, 0xB9, 0x18, 0x00, 0x02, 0x17, 0x01, 0x5D]
        #expect(try Deflate.decompress(draft, count: 2) == [0xB9, 0xA3])
        #expect(try Deflate.compress([0xB9, 0xA3]) == draft)
    }

    @Test func `What was compressed is read again, and every bit is where it was put`() throws {
        var bits = StatusBits()
        let revoked = [0, 1, 7, 8, 1993, 25_460, StatusBits.size - 1]
        for index in revoked { bits.revoke(index) }
        let read = try StatusBits(compressed: bits.compressed())
        #expect(read == bits)
        #expect((0..<StatusBits.size).filter { read[$0] } == revoked)
    }

    @Test func `Revoking twice changes nothing, and out of bounds there is nothing`() {
        var bits = StatusBits()
        let first = bits.revoke(5)
        let second = bits.revoke(5)
        #expect(first && !second)
        for index in [-1, StatusBits.size] {
            let changed = bits.revoke(index)
            #expect(!changed && !bits[index])
        }
        #expect((0..<StatusBits.size).filter { bits[$0] } == [5])
    }

    @Test func `A list that unpacks to more or less than it may is refused, without the memory that it asks for`()
        throws
    {
        let bomb = try Deflate.compress([UInt8](repeating: 0, count: 50_000_000))
        #expect(bomb.count < 60_000)
        let short = try Deflate.compress([UInt8](repeating: 0, count: StatusBits.size / 8 - 1))
        let right = try Deflate.compress([UInt8](repeating: 0, count: StatusBits.size / 8))
        for damaged in [bomb, short, [], Array(right.dropLast()), right + [0], [0x78, 0xDA, 0xFF]] {
            #expect(throws: Deflate.Fault.self) { try Deflate.decompress(damaged, count: StatusBits.size / 8) }
        }
        #expect(try Deflate.decompress(right, count: StatusBits.size / 8).count == StatusBits.size / 8)
        #expect(throws: StoreError.self) { try StatusBits(stored: "not base64url!") }
    }

    @Test func `Every counter has a place of its own, another one in every list, and neighbours are not neighbours`()
        throws
    {
        let keys = try #require(MasterKey([UInt8](repeating: 7, count: 32)).map(DerivedKeys.init))
        let permutation = StatusPermutation(keys: keys)
        let places = (0..<StatusBits.size).map { permutation.place(of: $0, in: 1) }
        #expect(Set(places).count == StatusBits.size)
        #expect(places.min() == 0 && places.max() == StatusBits.size - 1)
        let neighbours = zip(places, places.dropFirst()).filter { abs($0 - $1) == 1 }.count
        #expect(neighbours < 20)
        let other = (0..<1000).map { permutation.place(of: $0, in: 2) }
        #expect(zip(places, other).filter { $0 == $1 }.count < 5)
        let otherKeys = try #require(MasterKey([UInt8](repeating: 8, count: 32)).map(DerivedKeys.init))
        let foreign = (0..<1000).map { StatusPermutation(keys: otherKeys).place(of: $0, in: 1) }
        #expect(zip(places, foreign).filter { $0 == $1 }.count < 5)
    }
}
