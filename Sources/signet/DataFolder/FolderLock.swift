#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The lock on a data folder: shared by everybody who works on the store, exclusive for whoever replaces it.
///
/// Without it a server could open the old file in the moment in which a restore puts another in its place. The system
/// lets go of it when its holder ends, however that happens.
final class FolderLock: Sendable {
    enum Use: Hashable, Sendable {
        case shared
        case exclusive
    }

    private let descriptor: Int32

    /// `nil` if somebody has it in the way of `use`.
    init?(_ folder: DataFolder, for use: Use) throws(Files.SystemError) {
        let descriptor = open(folder.lockFile, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .last }
        while flock(descriptor, (use == .shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            let problem = Files.SystemError.last
            close(descriptor)
            guard problem.number == EWOULDBLOCK else { throw problem }
            return nil
        }
        // Last: once it is set, an initializer that fails runs `deinit`, which would close the number a second time, and by
        // then it may be another thread's.
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// The process that has the database file open through SQLite, also one that knows nothing of this lock.
    ///
    /// Asks for the lock by which SQLite tells that somebody is there (https://www.sqlite.org/fileformat.html has the
    /// page, `os_unix.c` the bytes). Not to be called while this process has the file open: closing any descriptor of a
    /// file gives up a process's locks on it.
    static func user(ofDatabase path: String) -> Int32? {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var question = flock()
        question.l_type = Int16(F_WRLCK)
        question.l_whence = Int16(SEEK_SET)
        question.l_start = 0x4000_0000
        question.l_len = 512
        guard fcntl(descriptor, F_GETLK, &question) == 0, question.l_type != Int16(F_UNLCK) else { return nil }
        return question.l_pid
    }
}

extension DataFolder {
    var lockFile: String { path + "/signet.lock" }

    /// Joins those who work on the store, or keeps all of them out.
    func lock(_ use: FolderLock.Use) throws(Failure) -> FolderLock {
        let lock: FolderLock?
        do throws(Files.SystemError) {
            lock = try FolderLock(self, for: use)
        } catch {
            throw Failure(
                .inputOutput,
                "\(lockFile) cannot be made or locked (\(error)): give the data folder to the user that runs signet"
            )
        }
        if let lock {
            if use == .shared { return lock }
            guard let user = FolderLock.user(ofDatabase: database) else { return lock }
            throw inUse(by: "process \(user)")
        }
        guard use == .exclusive else {
            throw Failure(
                .unavailable,
                "the store in \(path) is being replaced by another command: wait until it is done, then try again"
            )
        }
        throw inUse(by: FolderLock.user(ofDatabase: database).map { "process \($0)" } ?? "another command")
    }

    private func inUse(by user: String) -> Failure {
        Failure(
            .unavailable,
            "\(database) is in use by \(user): stop the server and every other command on it, then try again; nothing was "
                + "changed"
        )
    }
}
