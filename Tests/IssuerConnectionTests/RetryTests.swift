import Instants
import IssuerConnection
import Testing

/// What is tried again, when, and how long.
@Suite(.timeLimit(.minutes(5))) struct RetryTests {
    typealias Answer = ScriptedTransport.Answer

    static let ok = Answer.success(.json("{}"))

    static func failure(_ code: TransportError.Code) -> Answer { .failure(TransportError(code, reason: "scripted")) }

    static func status(_ status: Int, retryAfter: String? = nil) -> Answer {
        .success(
            TransportResponse(status: status, headers: retryAfter.map { [(name: "Retry-After", value: $0)] } ?? [])
        )
    }

    private func attempts(
        _ safety: RepeatSafety,
        _ answers: [Answer],
        policy: RetryPolicy = .standard,
        clock: SetClock = SetClock()
    ) async -> Int {
        let transport = ScriptedTransport(answers)
        let retrying = RetryingTransport(transport, policy: policy, clock: clock, randomness: SetRandomness())
        _ = try? await retrying.send(safety) { TransportRequest(url: "https://issuer.example") }
        return transport.requests.count
    }

    @Test(
        "What may happen twice is tried again after every trouble; what must happen once only where it did not happen",
        arguments: [
            (failure(.unreachable), 2, 2), (failure(.timedOut), 2, 1), (failure(.connectionLost), 2, 1),
            (status(429), 2, 2), (status(503), 2, 2), (status(500), 2, 1), (status(502), 2, 1), (status(504), 2, 1),
            (failure(.tooLarge), 1, 1), (failure(.insecure), 1, 1), (failure(.cancelled), 1, 1),
            (failure(.malformed), 1, 1), (status(400), 1, 1), (status(401), 1, 1), (status(302), 1, 1), (ok, 1, 1),
        ] as [(Answer, Int, Int)]
    )
    func safety(first: Answer, repeatable: Int, once: Int) async {
        #expect(await attempts(.repeatable, [first, Self.ok]) == repeatable)
        #expect(await attempts(.once, [first, Self.ok]) == once)
    }

    @Test("The waits double up to the longest, drawn from zero up to that")
    func backOff() async throws {
        let policy = RetryPolicy(
            maximumAttempts: 6,
            firstDelay: .milliseconds(100),
            maximumDelay: .milliseconds(500),
            deadline: .seconds(60)
        )
        for (byte, factor) in [(UInt8(0xFF), 1.0), (0x80, 0.502), (0, 0)] {
            let clock = SetClock()
            let transport = ScriptedTransport(Array(repeating: Self.status(503), count: 6))
            let retrying = RetryingTransport(
                transport,
                policy: policy,
                clock: clock,
                randomness: SetRandomness(byte: byte)
            )
            let last = try await retrying.send(.once) { TransportRequest(url: "https://issuer.example") }
            #expect(last.status == 503)
            #expect(transport.requests.count == 6)
            for (wait, longest) in zip(clock.waits, [100, 200, 400, 500, 500]) {
                #expect(abs(Double(wait.wholeMilliseconds) - Double(longest) * factor) <= 2)
            }
            #expect(clock.waits.count == 5)
        }
    }

    @Test(
        "RFC 9110 §10.2.3: a Retry-After is waited for, with jitter on top; one beyond the deadline ends the attempts"
    )
    func retryAfter() async {
        let clock = SetClock()
        #expect(await attempts(.once, [Self.status(429, retryAfter: "7"), Self.ok], clock: clock) == 2)
        #expect(clock.waits.count == 1 && clock.waits[0] >= .seconds(7) && clock.waits[0] <= .milliseconds(7100))
        #expect(await attempts(.once, [Self.status(503, retryAfter: "31"), Self.ok]) == 1)
        #expect(await attempts(.once, [Self.status(503, retryAfter: "29"), Self.ok]) == 2)
    }

    @Test("Everything together takes no longer than the deadline, and no attempt more than what is left of it")
    func deadline() async {
        let clock = SetClock()
        let transport = ScriptedTransport(Array(repeating: Self.failure(.timedOut), count: 10)) { request in
            clock.advance(by: request.timeout)
        }
        let policy = RetryPolicy(maximumAttempts: 10, firstDelay: .milliseconds(1), deadline: .seconds(25))
        let retrying = RetryingTransport(transport, policy: policy, clock: clock, randomness: SetRandomness())
        let start = clock.uptime
        let code = await transportFailure {
            _ = try await retrying.send(.repeatable) { TransportRequest(url: "https://issuer.example") }
        }
        #expect(code == .timedOut)
        #expect(clock.uptime - start <= .seconds(25))
        #expect(transport.requests.count == 3)
        #expect((transport.requests.last?.timeout ?? .zero) < .seconds(5))
    }

    @Test("A cancelled task is not made to wait")
    func cancelled() async {
        let task = Task {
            await transportFailure {
                let retrying = RetryingTransport(
                    ScriptedTransport([Self.status(503), Self.status(503)]),
                    policy: RetryPolicy(firstDelay: .seconds(20), maximumDelay: .seconds(20)),
                    randomness: SetRandomness()
                )
                _ = try await retrying.send(.once) { TransportRequest(url: "https://issuer.example") }
            }
        }
        task.cancel()
        #expect(await task.value == .cancelled)
    }

    @Test(
        "RFC 9110 §10.2.3: seconds or a date",
        arguments: [
            ("0", 0), ("120", 120), (" 5 ", 5), ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
            ("Fri, 15 Jan 2027 08:00:10 GMT", 10), ("Sat, 16 Jan 2027 08:00:00 GMT", 86_400),
            ("99999999999999999999", 86_400 * 365), ("", nil), ("-1", nil), ("1.5", nil), ("soon", nil), ("+5", nil),
            ("Fri, 15 Foo 2027 08:00:10 GMT", nil), ("Fri, 15 Jan 2027 08:00:10", nil),
            ("Fri, 15 Jan 2027 25:00:10 GMT", nil), ("Fri, 15 Jan 27 08:00:10 GMT", nil),
        ] as [(String, Int?)]
    )
    func retryAfterForms(text: String, seconds: Int?) {
        // 1 800 000 000 is Fri, 15 Jan 2027 08:00:00 GMT.
        let now = Instant(secondsSinceEpoch: 1_800_000_000)
        #expect(RetryAfter.read(text, now: now) == seconds.map { .seconds($0) })
    }
}

/// Many callers, one attempt.
@Suite(.timeLimit(.minutes(5))) struct SingleFlightTests {
    struct Failure: Error, Equatable { var text: String }

    let flight = SingleFlight<String, Int, Failure>(cancelled: Failure(text: "cancelled"))

    @Test("A hundred callers share one attempt, those of another key another")
    func shared() async throws {
        let attempts = Counter()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let waiting = Counter()
        let flight = flight
        let values = await withTaskGroup(of: Int?.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    if waiting.add() == 100 { open.finish() }
                    return try? await flight.value(for: "a") { () throws(Failure) in
                        attempts.add()
                        for await _ in gate {}
                        // All hundred have begun by now; those who have not joined yet do so before this ends.
                        for _ in 0..<1000 { await Task.yield() }
                        return 7
                    }
                }
            }
            return await group.reduce(into: [Int?]()) { $0.append($1) }
        }
        #expect(values.allSatisfy { $0 == 7 } && values.count == 100)
        #expect(attempts.count <= 2)
        #expect(try await flight.value(for: "b") { () throws(Failure) in 8 } == 8)
        #expect(try await flight.value(for: "a") { () throws(Failure) in 9 } == 9)
    }

    @Test("A failure reaches everybody, and the next caller tries anew")
    func failure() async throws {
        do throws(Failure) {
            _ = try await flight.value(for: "a") { () throws(Failure) in throw Failure(text: "no") }
            Issue.record("it succeeded")
        } catch {
            #expect(error == Failure(text: "no"))
        }
        #expect(try await flight.value(for: "a") { () throws(Failure) in 1 } == 1)
    }

    @Test("The first caller's cancellation ends its own wait and nobody else's")
    func cancellation() async throws {
        let (gate, open) = AsyncStream<Void>.makeStream()
        let (started, start) = AsyncStream<Void>.makeStream()
        let flight = flight
        let first = Task {
            do throws(Failure) {
                return try await flight.value(for: "a") { () throws(Failure) in
                    start.yield()
                    for await _ in gate {}
                    return 5
                }
            } catch {
                return -1
            }
        }
        _ = await started.first { true }
        let second = Task { try? await flight.value(for: "a") { () throws(Failure) in 6 } }
        first.cancel()
        #expect(await first.value == -1)
        open.finish()
        // The second joined the first's attempt, or came after it and made its own.
        let value = await second.value
        #expect(value == 5 || value == 6)
    }
}
