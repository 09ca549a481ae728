// Room: the folder in which a server keeps everything: `signet.sqlite`, `master.key`, the log of refusals. Made with mode 0700;
// the master key with 0600, 32 random bytes. Whoever has both the database and the master key has the server.

import AuthorizationServer

/// The data folder.
struct DataFolder: Hashable, Sendable {
    let path: String

    var database: String { path + "/signet.sqlite" }
    var masterKey: String { path + "/master.key" }

    enum Missing: Hashable, Sendable {
        /// Make what is missing: only `serve` does.
        case create
        /// Refuse: a mistyped path must not silently become an empty server.
        case refuse
    }

    init(_ path: String) { self.path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path }

    /// Makes sure that the folder is there and can be written.
    func prepare(_ missing: Missing) throws(Failure) {
        do throws(Files.SystemError) {
            if let status = try Files.status(path) {
                guard status.isFolder else { throw .notAFolder }
            } else if missing == .create {
                try Files.makeFolder(path, mode: 0o700)
            } else {
                throw .missing
            }
        } catch {
            if missing == .refuse && error == .missing {
                throw Failure(
                    .noInput,
                    "there is no data folder at \(path): name the right one with --data-dir, or start `signet serve` "
                        + "once, which makes it"
                )
            }
            throw Failure(
                .cannotCreate,
                "the data folder \(path) cannot be made (\(error)): name another with --data-dir, or make this one and "
                    + "give it to the user that runs signet"
            )
        }
        guard Files.isWritable(path) else {
            throw Failure(
                .cannotCreate,
                "the data folder \(path) cannot be written: give it to the user that runs signet, or name another with "
                    + "--data-dir"
            )
        }
    }

    /// Reads the master key, or makes it in a folder that has no database yet.
    func masterKey(_ missing: Missing, random: any RandomSource) throws(Failure) -> MasterKey {
        let isNew = try [status(masterKey), status(database)].allSatisfy { $0 == nil }
        if isNew && missing == .create {
            do {
                try Files.create(masterKey, mode: 0o600, content: random.bytes(MasterKey.byteCount))
            } catch {
                throw unusable(masterKey, error)
            }
        }
        if isNew && missing == .refuse {
            throw Failure(
                .noInput,
                "\(path) holds no server: name the right folder with --data-dir, or start `signet serve` once"
            )
        }
        guard let status = try status(masterKey) else {
            throw Failure(
                .permission,
                "\(masterKey) is missing, and without it the signing keys in \(database) cannot be opened: put it back "
                    + "from your backup, or move the database away to begin again"
            )
        }
        guard status.mode & 0o077 == 0 else {
            throw Failure(
                .permission,
                "\(masterKey) can be read by others (mode \(String(status.mode, radix: 8))): run `chmod 600` on it, and "
                    + "consider whether somebody has copied it"
            )
        }
        let bytes: [UInt8]
        do {
            bytes = try Files.read(masterKey, limit: 1024)
        } catch {
            throw unusable(masterKey, error)
        }
        guard let key = MasterKey(bytes) else {
            throw Failure(
                .permission,
                "\(masterKey) must hold exactly \(MasterKey.byteCount) bytes and has \(bytes.count): put the original "
                    + "back from your backup"
            )
        }
        return key
    }

    private func status(_ file: String) throws(Failure) -> Files.Status? {
        do {
            return try Files.status(file)
        } catch {
            throw unusable(file, error)
        }
    }

    private func unusable(_ file: String, _ error: Files.SystemError) -> Failure {
        Failure(
            .inputOutput,
            "\(file) cannot be read or made (\(error)): give the data folder to the user that runs signet"
        )
    }
}
