internal import CZlib

/// DEFLATE in the ZLIB format (RFC 1950, RFC 1951), one shot: the only place that talks to zlib.
enum Deflate {
    /// zlib answered something else than that all is well; `code` is zlib's.
    struct Fault: Error, Hashable { var code: Int32 }

    /// Compresses as hard as zlib can.
    static func compress(_ bytes: [UInt8]) throws(Fault) -> [UInt8] {
        var length = compressBound(uLong(bytes.count))
        var output = [UInt8](repeating: 0, count: Int(length))
        let code = compress2(&output, &length, bytes, uLong(bytes.count), Z_BEST_COMPRESSION)
        guard code == Z_OK else { throw Fault(code: code) }
        return Array(output.prefix(Int(length)))
    }

    /// Decompresses what must be exactly `count` bytes long: whatever the input claims, no more memory than that is used.
    static func decompress(_ bytes: [UInt8], count: Int) throws(Fault) -> [UInt8] {
        var length = uLong(count)
        var read = uLong(bytes.count)
        var output = [UInt8](repeating: 0, count: count)
        let code = uncompress2(&output, &length, bytes, &read)
        guard code == Z_OK, length == uLong(count), read == uLong(bytes.count) else {
            throw Fault(code: code == Z_OK ? Z_DATA_ERROR : code)
        }
        return output
    }
}
