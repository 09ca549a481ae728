internal import IssuerConnection

/// Reads `WWW-Authenticate` (RFC 9110 §11.6.1) as far as a client needs: the `error` of a Bearer challenge (RFC 6750 §3).
enum BearerChallenge {
    /// The `error` of the first Bearer challenge that has one.
    static func error(in response: TransportResponse) -> String? {
        for (name, value) in response.headers where HeaderName.same(name, "WWW-Authenticate") {
            if let error = error(in: value) { return error }
        }
        return nil
    }

    static func error(in value: String) -> String? {
        var reader = Reader(rest: Array(value.utf8.prefix(8192))[...])
        var scheme = ""
        while !reader.rest.isEmpty {
            reader.skip { $0 == 0x20 || $0 == 0x09 || $0 == UInt8(ascii: ",") }
            guard !reader.rest.isEmpty else { return nil }
            let word = reader.token()
            guard !word.isEmpty else {
                // A credential of another scheme, in characters that no name has.
                reader.rest.removeFirst()
                continue
            }
            reader.skip { $0 == 0x20 || $0 == 0x09 }
            guard reader.rest.first == UInt8(ascii: "=") else {
                // A word without a value opens the next challenge.
                scheme = word.lowercased()
                continue
            }
            reader.rest.removeFirst()
            reader.skip { $0 == 0x20 || $0 == 0x09 }
            let text = reader.rest.first == UInt8(ascii: "\"") ? reader.quoted() : reader.token()
            if scheme == "bearer", word.lowercased() == "error" { return text }
        }
        return nil
    }

    private struct Reader {
        var rest: ArraySlice<UInt8>

        mutating func skip(_ isSkipped: (UInt8) -> Bool) { rest = rest.drop(while: isSkipped) }

        mutating func token() -> String {
            let word = rest.prefix { byte in
                byte > 0x20 && byte < 0x7F && !"\"(),/:;<=>?@[\\]{}".utf8.contains(byte)
            }
            rest = rest.dropFirst(word.count)
            return String(decoding: word, as: UTF8.self)
        }

        mutating func quoted() -> String? {
            rest.removeFirst()
            var text: [UInt8] = []
            while let byte = rest.popFirst() {
                if byte == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
                if byte == UInt8(ascii: "\\") {
                    guard let escaped = rest.popFirst() else { return nil }
                    text.append(escaped)
                } else {
                    text.append(byte)
                }
            }
            return nil
        }
    }
}
