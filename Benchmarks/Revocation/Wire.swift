internal import Foundation

/// What systems call differently.
enum Sockets {
    #if canImport(Darwin)
        static let stream = SOCK_STREAM
        static let noSignal: Int32 = 0
    #else
        static let stream = Int32(SOCK_STREAM.rawValue)
        static let noSignal = Int32(MSG_NOSIGNAL)
    #endif
}

/// One kept-alive HTTP/1.1 connection to a port on loopback, which blocks its thread.
///
/// Nothing stands between the bytes and the clock: when ``exchange(_:)`` returns, the answer has just been read.
final class Wire {
    private let socket: Int32
    private var received: [UInt8] = []
    private var chunk = [UInt8](repeating: 0, count: 16 * 1024)

    init(port: UInt16) throws {
        socket = try Wire.connected(to: port)
    }

    deinit { close(socket) }

    /// A connected socket without Nagle's delay, which gives up after ten seconds of silence.
    static func connected(to port: UInt16) throws -> Int32 {
        let descriptor = Foundation.socket(AF_INET, Sockets.stream, 0)
        guard descriptor >= 0 else { throw Fault("no socket") }
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var address = loopback(port)
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else {
            close(descriptor)
            throw Fault("port \(port) does not answer")
        }
        return descriptor
    }

    static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    /// The bytes of a POST.
    static func post(_ path: String, _ form: [(String, String)], as user: String, _ password: String) -> [UInt8] {
        let body = form.map { "\($0.0)=\(encoded($0.1))" }.joined(separator: "&")
        let basic = Data("\(encoded(user)):\(encoded(password))".utf8).base64EncodedString()
        return Array(
            """
            POST \(path) HTTP/1.1\r
            Host: 127.0.0.1\r
            Authorization: Basic \(basic)\r
            Content-Type: application/x-www-form-urlencoded\r
            Content-Length: \(body.utf8.count)\r
            \r
            \(body)
            """.utf8
        )
    }

    private static func encoded(_ text: String) -> String {
        text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? text
    }

    /// Sends a request and reads the whole answer.
    func exchange(_ request: [UInt8]) throws -> (status: Int, body: ArraySlice<UInt8>) {
        var sent = 0
        while sent < request.count {
            let count = request[sent...].withUnsafeBytes {
                send(socket, $0.baseAddress, $0.count, Sockets.noSignal)
            }
            guard count > 0 else { throw Fault("the server closed the connection") }
            sent += count
        }
        received.removeAll(keepingCapacity: true)
        while true {
            if let answer = try complete() { return answer }
            let count = recv(socket, &chunk, chunk.count, 0)
            guard count > 0 else { throw Fault("the server did not answer in full") }
            received += chunk[..<count]
        }
    }

    /// The answer, once all of it was read.
    private func complete() throws -> (status: Int, body: ArraySlice<UInt8>)? {
        let blank = Array("\r\n\r\n".utf8)
        guard
            let end = received.indices.first(where: { received[$0...].starts(with: blank) })
        else { return nil }
        let lines = String(decoding: received[..<end], as: UTF8.self).split(separator: "\r\n")
        guard let status = lines.first?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw Fault("not an HTTP answer")
        }
        let length = lines.first { $0.lowercased().hasPrefix("content-length:") }
            .flatMap { Int($0.dropFirst("content-length:".count).trimmingCharacters(in: .whitespaces)) }
        guard let length else { throw Fault("an answer without Content-Length") }
        let body = received[(end + blank.count)...]
        return body.count >= length ? (status, body.prefix(length)) : nil
    }
}
