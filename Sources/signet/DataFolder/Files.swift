#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The few things that the program does with files, with the modes spelled out: the portable libraries set a mode only
/// after a file exists, and for a key that is too late.
enum Files {
    struct Status: Hashable, Sendable {
        var isFolder: Bool
        /// The permission bits.
        var mode: UInt32
        var size: Int64
    }

    /// What the system said, for the end of a sentence.
    struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
        var number: Int32
        var description: String { String(cString: strerror(number)).lowercased() }
        static var last: SystemError { SystemError(number: errno) }
        static let missing = SystemError(number: ENOENT)
        static let exists = SystemError(number: EEXIST)
        static let notAFolder = SystemError(number: ENOTDIR)
    }

    /// `nil` where there is nothing.
    static func status(_ path: String) throws(SystemError) -> Status? {
        var buffer = stat()
        guard stat(path, &buffer) == 0 else {
            if errno == ENOENT { return nil }
            throw .last
        }
        return Status(
            isFolder: buffer.st_mode & S_IFMT == S_IFDIR,
            mode: UInt32(buffer.st_mode) & 0o7777,
            size: Int64(buffer.st_size)
        )
    }

    /// Makes the folder, and its parents with the usual mode.
    static func makeFolder(_ path: String, mode: UInt32) throws(SystemError) {
        if mkdir(path, mode_t(mode)) == 0 { return }
        guard errno == ENOENT, let slash = path.dropLast().lastIndex(of: "/"), slash != path.startIndex else {
            throw .last
        }
        let parent = String(path[..<slash])
        if try status(parent) == nil { try makeFolder(parent, mode: 0o755) }
        guard mkdir(path, mode_t(mode)) == 0 else { throw .last }
    }

    /// At most `limit` bytes; `EFBIG` if there are more.
    static func read(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last }
        defer { close(descriptor) }
        return try readAll(descriptor: descriptor, limit: limit)
    }

    /// What is left to read, at most `limit` bytes; `EFBIG` if there are more.
    static func readAll(descriptor: Int32, limit: Int) throws(SystemError) -> [UInt8] {
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = chunk.withUnsafeMutableBytes { systemRead(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .last }
            if count == 0 { return content }
            content += chunk.prefix(count)
            guard content.count <= limit else { throw SystemError(number: EFBIG) }
        }
    }

    /// Writes a new file, synced with its folder, so that it is there whole or not at all.
    ///
    /// `EEXIST` if there is one.
    static func create(_ path: String, mode: UInt32, content: [UInt8]) throws(SystemError) {
        try place(path, mode: mode, content: content) { temporary in
            // A link, unlike a rename, never replaces what another process made meanwhile.
            link(temporary, path)
        }
    }

    /// Writes a file over whatever is there, synced: readers find the old one or the new one, whole.
    static func replace(_ path: String, mode: UInt32, content: [UInt8]) throws(SystemError) {
        try place(path, mode: mode, content: content) { temporary in rename(temporary, path) }
    }

    /// Removes a file, present or not.
    static func remove(_ path: String) throws(SystemError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw .last }
    }

    /// Gives a finished file its name, which must be free, and makes the name durable.
    static func publish(_ temporary: String, as path: String) throws(SystemError) {
        guard link(temporary, path) == 0 else { throw .last }
        unlink(temporary)
        try syncFolder(of: path)
    }

    /// Gives a file a second name in its folder.
    static func name(_ path: String, alsoAs other: String) throws(SystemError) {
        guard link(path, other) == 0 else { throw .last }
    }

    /// Puts a finished file in the place of another, durably: whoever opens the path finds the one or the other, whole.
    static func move(_ finished: String, over path: String) throws(SystemError) {
        guard rename(finished, path) == 0 else { throw .last }
        try syncFolder(of: path)
    }

    /// Copies into a new file, synced; `copied` is told how many bytes there are by now.
    static func copy(
        _ path: String,
        to new: String,
        mode: UInt32,
        copied: (Int64) -> Void
    ) throws(SystemError) {
        let source = open(path, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { throw .last }
        defer { close(source) }
        let target = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_t(mode))
        guard target >= 0 else { throw .last }
        defer { close(target) }
        var chunk = [UInt8](repeating: 0, count: 1 << 20)
        var total: Int64 = 0
        while true {
            let count = chunk.withUnsafeMutableBytes { systemRead(source, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .last }
            if count == 0 { break }
            try write(chunk.prefix(count), to: target)
            total += Int64(count)
            copied(total)
        }
        guard fsync(target) == 0 else { throw .last }
    }

    private static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) throws(SystemError) {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { systemWrite(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw .last }
            rest = rest.dropFirst(count)
        }
    }

    private static func place(
        _ path: String,
        mode: UInt32,
        content: [UInt8],
        by move: (_ temporary: String) -> Int32
    ) throws(SystemError) {
        let temporary = "\(path).\(getpid()).new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_t(mode))
        guard descriptor >= 0 else { throw .last }
        defer {
            close(descriptor)
            unlink(temporary)
        }
        try write(content[...], to: descriptor)
        guard fsync(descriptor) == 0 else { throw .last }
        guard move(temporary) == 0 else { throw .last }
        try syncFolder(of: path)
    }

    private static func syncFolder(of path: String) throws(SystemError) {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let descriptor = open(folder.isEmpty ? "/" : folder, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .last }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw .last }
    }

    /// Whether this process may make files in the folder.
    static func isWritable(_ folder: String) -> Bool { access(folder, W_OK | X_OK) == 0 }
}

private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    guard let bytes else { return 0 }
    return read(descriptor, bytes, count)
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    guard let bytes else { return 0 }
    return write(descriptor, bytes, count)
}
