internal import Instants
internal import JOSE
internal import RevocationFeed
internal import Synchronization

extension TestIssuer {
    // MARK: - Ending rights

    /// Revokes a token; returns when every reader of the feed that is connected knows.
    public func revoke(_ token: String) async {
        guard let name = state.withLock({ $0.minted[token]?.claims["jti"]?.stringValue }) else { return }
        await end(Self.handle("token", name), kind: .handle)
    }

    /// Revokes everything that a person has.
    public func revoke(subject: String) async { await end(Self.handle("subject", subject), kind: .handle) }

    /// Revokes everything that a client has.
    public func revoke(clientID: String) async { await end(Self.handle("client", clientID), kind: .handle) }

    /// Revokes what came of a session.
    public func revoke(sessionID: String) async { await end(Self.handle("session", sessionID), kind: .handle) }

    /// Revokes everything that was issued up to now.
    public func revokeEverything() async { await end(RevocationHandle(high: 0, low: 0), kind: .everything) }

    /// Lets time pass while the feed keeps up: a heartbeat every quarter of a second.
    public func advance(by duration: Duration) async {
        var rest = duration
        while rest > .zero {
            let step = min(rest, .milliseconds(250))
            clock.advance(by: step)
            rest -= step
            await broadcast(message(.heartbeat), event: "heartbeat")
        }
    }

    /// Lets time pass in steps until so many readers follow the feed.
    ///
    /// - Returns: whether they came within `limit`.
    @discardableResult
    public func waitForReaders(_ count: Int = 1, within limit: Duration = .seconds(60)) async -> Bool {
        var rest = limit
        while (rest > .zero) && (readerCount < count) {
            clock.advance(by: .milliseconds(100))
            rest -= .milliseconds(100)
            // Whoever wakes needs a turn, and several for a snapshot and a connection.
            for _ in 0..<200 where readerCount < count { await Task.yield() }
        }
        await broadcast(message(.heartbeat), event: "heartbeat")
        return readerCount >= count
    }

    /// How many follow the feed.
    public var readerCount: Int { state.withLock { $0.lines.count } }

    // MARK: - Messages

    /// The handle of an identifier.
    ///
    /// A pretence: a real issuer draws it with a key, so that nobody can compute it.
    static func handle(_ kind: String, _ name: String) -> RevocationHandle {
        FeedEntry.handle(ofKey: "\(kind)\u{0}\(name)")
    }

    func end(_ handle: RevocationHandle, kind: FeedEntry.Kind) async {
        let entry = FeedEntry(
            kind: kind,
            notBefore: steadyNow,
            expiresAt: steadyNow + .seconds(86_400),
            handle: handle
        )
        // Who is connected now gets the entry as news; who connects later finds it in what came before.
        let (from, to, lines) = state.withLock { state in
            let from = state.head
            state.entries.append(entry)
            state.head.advance(over: entry)
            return (from, state.head, Array(state.lines.values))
        }
        let delta = Self.event("delta", message(.delta(from: from, entries: [entry]), at: to))
        for line in lines { await line.send(delta) }
        await broadcast(message(.heartbeat), event: "heartbeat")
    }

    func publishKeys() async {
        await broadcast(message(.keys(document: keySet)), event: "keys")
        await broadcast(message(.heartbeat), event: "heartbeat")
    }

    func message(_ content: FeedMessage.Content, at position: FeedPosition? = nil) -> String {
        let message = FeedMessage(
            issuer: issuer,
            audience: audience,
            asOf: steadyNow,
            position: position ?? state.withLock { $0.head },
            keySetDigest: FeedMessage.digest(ofKeySet: keySet),
            content: content
        )
        // Ed25519 does not fail; an empty message would be refused by every reader.
        return (try? message.signed(by: feedKey)) ?? ""
    }

    private func broadcast(_ message: String, event: String) async {
        let lines = state.withLock { Array($0.lines.values) }
        for line in lines { await line.send(Self.event(event, message)) }
    }

    static func event(_ name: String, _ message: String) -> [UInt8] {
        Array("event: \(name)\ndata: \(message)\n\n".utf8)
    }

    /// What a reader needs that has come as far as `sequence`: hello, the rest, heartbeat; nil if it must take a snapshot.
    func messages(
        after sequence: UInt64,
        epoch: String,
        nonce: String
    ) -> (texts: [(event: String, text: String)], head: FeedPosition)? {
        let (head, start, entries) = state.withLock { ($0.head, $0.start, $0.entries) }
        guard epoch == head.epoch, sequence <= head.sequence else { return nil }
        var position = start
        for entry in entries.prefix(Int(sequence)) { position.advance(over: entry) }
        var messages = [(event: "hello", text: message(.hello(nonce: nonce), at: head))]
        var rest = entries.dropFirst(Int(sequence))
        while !rest.isEmpty {
            let part = Array(rest.prefix(FeedMessage.maximumEntries))
            rest = rest.dropFirst(part.count)
            let from = position
            for entry in part { position.advance(over: entry) }
            messages.append(("delta", message(.delta(from: from, entries: part), at: position)))
        }
        messages.append(("heartbeat", message(.heartbeat, at: head)))
        return (messages, head)
    }

    /// Opens a line with what the reader lacks on it; nil if it must take a snapshot.
    func open(after sequence: UInt64, epoch: String, nonce: String) -> FeedLine? {
        while let (texts, head) = messages(after: sequence, epoch: epoch, nonce: nonce) {
            let line = FeedLine()
            for message in texts { line.post(Self.event(message.event, message.text)) }
            let isCurrent = state.withLock { state in
                guard state.head == head, state.isUp else { return false }
                state.lines[ObjectIdentifier(line)] = line
                return true
            }
            if isCurrent { return line }
            guard state.withLock({ $0.isUp }) else { return nil }
        }
        return nil
    }

    func close(_ line: FeedLine) {
        state.withLock { $0.lines[ObjectIdentifier(line)] = nil }
        line.close()
    }

    /// A snapshot: its signed head, a line feed, the entries.
    func snapshot(nonce: String) -> [UInt8] {
        let (head, entries) = state.withLock { ($0.head, $0.entries) }
        let bytes = entries.flatMap(\.bytes)
        let digest = FeedMessage.digest(ofSnapshot: bytes)
        let signed = message(.snapshot(nonce: nonce, count: entries.count, digest: digest), at: head)
        return Array(signed.utf8) + [UInt8(ascii: "\n")] + bytes
    }

    /// Whether a token that was minted has been revoked.
    func isRevoked(_ token: MintedToken) -> Bool {
        guard let claim = token.claims[RevocationClaim.name]?.stringValue.flatMap(RevocationClaim.init) else {
            return true
        }
        return state.withLock { state in
            if state.revokedKeys.contains(token.keyID) { return true }
            return state.entries.contains { entry in
                entry.notBefore >= claim.issuedAt
                    && (entry.kind == .everything || entry.kind == .handle && claim.handles.contains(entry.handle))
            }
        }
    }
}
