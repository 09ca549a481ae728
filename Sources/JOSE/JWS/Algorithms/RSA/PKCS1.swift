/// The part of DER that an RSAPrivateKey needs (RFC 8017 §A.1.2, X.690 §8): a sequence of integers.
enum PKCS1 {
    /// The integers of a two-prime RSAPrivateKey after its version: n, e, d, p, q, dp, dq, qi; big-endian, without
    /// leading zeros.
    ///
    /// - Throws: `keyInvalid` if the bytes are anything else.
    static func integers(inPrivateKey der: [UInt8]) throws(JOSEError) -> [[UInt8]] {
        var reader = Reader(rest: der[...])
        var sequence = Reader(rest: try reader.element(tag: 0x30))
        guard reader.rest.isEmpty, try sequence.element(tag: 0x02).elementsEqual([0]) else {
            throw JOSEError(.keyInvalid, reason: "expected an RSAPrivateKey of version 0")
        }
        var integers: [[UInt8]] = []
        while !sequence.rest.isEmpty {
            integers.append(Array(try sequence.element(tag: 0x02).drop { $0 == 0 }))
        }
        return integers
    }

    private struct Reader {
        var rest: ArraySlice<UInt8>

        /// The contents of the next element, which must have this tag.
        mutating func element(tag: UInt8) throws(JOSEError) -> ArraySlice<UInt8> {
            guard rest.popFirst() == tag, var length = rest.popFirst().map(Int.init) else { throw damaged }
            if length >= 0x80 {
                let lengthBytes = length & 0x7F
                guard (1...3).contains(lengthBytes), rest.count >= lengthBytes else { throw damaged }
                length = rest.prefix(lengthBytes).reduce(0) { $0 << 8 | Int($1) }
                rest.removeFirst(lengthBytes)
            }
            guard rest.count >= length else { throw damaged }
            defer { rest.removeFirst(length) }
            return rest.prefix(length)
        }

        private var damaged: JOSEError { JOSEError(.keyInvalid, reason: "the DER of the key is damaged") }
    }
}
