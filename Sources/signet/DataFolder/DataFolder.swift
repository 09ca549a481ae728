// Room: the folder in which a server keeps everything: `signet.sqlite`, `master.key`, the log of refusals. Made with mode 0700;
// the master key with 0600, 32 random bytes. Whoever has both the database and the master key has the server.

import AuthorizationServer

/// The data folder.
struct DataFolder: Hashable, Sendable {
    let path: String

    var database: String { path + "/signet.sqlite" }
    var masterKey: String { path + "/master.key" }
    /// Says where the records are, if not here.
    var storeNote: String { path + "/store.location" }

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

    /// Whether a database file is in the folder.
    func hasDatabase() throws(Failure) -> Bool { try status(database) != nil }

    /// Reads the master key, or makes it for a store that holds nothing yet.
    func masterKey(_ missing: Missing, hasRecords: Bool, random: any RandomSource) throws(Failure) -> MasterKey {
        let present = try status(masterKey)
        let isNew = !hasRecords && present == nil
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
                "\(masterKey) is missing, and without it the signing keys in the database cannot be opened: put it back "
                    + "from your backup, copy it from another node, or name a new database to begin again"
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

    /// Refuses a folder whose records are elsewhere: a command without the address would work on an empty file.
    func checkKeepsRecords() throws(Failure) {
        guard try status(storeNote) != nil else { return }
        let location: String
        do {
            location = String(decoding: try Files.read(storeNote, limit: 4096), as: UTF8.self).filter { !$0.isNewline }
        } catch {
            throw unusable(storeNote, error)
        }
        throw Failure(
            .configuration,
            "the records of \(path) are in \(location): give the address with SIGNET_STORE_ADDRESS, --store or --config (to "
                + "keep records in this folder from now on, remove \(storeNote))"
        )
    }

    /// Notes that the records of this folder are elsewhere.
    func noteRecords(at location: String) throws(Failure) {
        do {
            try Files.replace(storeNote, mode: 0o600, content: Array((location + "\n").utf8))
        } catch {
            throw unusable(storeNote, error)
        }
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
