/// Rules that ban a word, each with the reason and the places where the word is at home.
enum WordRules {
    static let all = [
        systemTimeAndRandomness, forceTry, forceUnwrap, printing, unfinishedWork, fatalErrors, uncheckedSendable,
        blockComments, backDoors, oldTestFramework, privatePlaces,
    ]

    static let systemTimeAndRandomness = HouseRule(
        "Time and randomness are handed in",
        why: "a decision that reads a clock or draws a number cannot be tested or simulated"
    ) { file in
        guard !Ratchets.timeAndRandomness.contains(where: { $0.covers(file) }) else { return [] }
        return file.violations(
            of: [
                "Date()", "Date.now", "Date(timeIntervalSinceNow", "ContinuousClock", "SuspendingClock",
                "clock_gettime",
                "gettimeofday", "time(nil)", "DispatchTime.now", "DispatchWallTime.now", "NIODeadline.now",
                "SystemRandomNumberGenerator", ".random(", ".randomElement(", ".shuffle(", ".shuffled(", "UUID()",
                "arc4random", "getrandom", "getentropy", "/dev/urandom", "SymmetricKey(size", "PrivateKey()",
                "PrivateKey(keySize",
            ],
            in: file.code,
            "take a clock or a source of randomness as a parameter (see AuthorizationServer/Kernel)"
        )
    }

    static let forceTry = HouseRule(
        "Nothing is tried or cast by force",
        why: "one malformed request must not end the process"
    ) { file in
        file.violations(of: ["try!", "as!"], in: file.code, "handle the failure")
    }

    static let forceUnwrap = HouseRule(
        "Nothing is unwrapped by force",
        why: "one malformed request must not end the process"
    ) { file in
        file.occurrences(of: "!", in: file.code).compactMap { offset in
            guard offset > 0 else { return nil }
            let before = file.code[offset - 1]
            let after = offset + 1 < file.code.count ? file.code[offset + 1] : 0
            let followsValue = before.isWord || ")]}?\">".utf8.contains(before)
            let isComparison = after == UInt8(ascii: "=")
            let isCastOrTry = ["try", "as"].contains { word in
                file.code[..<offset].suffix(word.utf8.count).elementsEqual(word.utf8)
                    && !(file.code[..<offset].dropLast(word.utf8.count).last?.isWord ?? false)
            }
            guard followsValue, !isComparison, !isCastOrTry else { return nil }
            return Violation(path: file.path, line: file.line(at: offset), message: "`!`: unwrap with guard or ??")
        }
    }

    static let printing = HouseRule(
        "Nothing is printed",
        why: "what a server says goes through its log, where secrets are masked; the executable has its own console"
    ) { file in
        ["print(", "debugPrint(", "dump(", "NSLog("].flatMap { word in
            file.occurrences(of: word, in: file.code).compactMap { offset -> Violation? in
                let before = file.code[..<offset]
                let isMember = before.last == UInt8(ascii: ".")
                let isDeclaration = before.suffix(5).elementsEqual("func ".utf8)
                guard !isMember, !isDeclaration else { return nil }
                return Violation(path: file.path, line: file.line(at: offset), message: "`\(word)`: use the logger")
            }
        }
    }

    static let unfinishedWork = HouseRule(
        "Unfinished work is an issue, not a comment",
        why: "a note in the code is forgotten there",
        in: .everywhere
    ) { file in
        guard !Ratchets.mayNameUnfinishedWork.contains(where: { $0.covers(file) }) else { return [] }
        return file.violations(of: ["TODO", "FIXME", "HACK", "XXX"], in: file.text, "finish it or open an issue")
    }

    static let fatalErrors = HouseRule(
        "Nothing ends the process",
        why: "whoever finds a way to reach it can stop the server"
    ) { file in
        guard !Ratchets.mayEndTheProcess.contains(where: { $0.covers(file) }) else { return [] }
        return file.violations(of: ["fatalError(", "preconditionFailure(", "abort()"], in: file.code, "throw instead")
    }

    static let uncheckedSendable = HouseRule(
        "Data-race safety is checked by the compiler",
        why: "an unchecked promise has to be kept by hand for ever"
    ) { file in
        let isListed = Ratchets.uncheckedSendable.contains { $0.covers(file) }
        let lines = file.commentLines
        return ["@unchecked Sendable", "nonisolated(unsafe)"].flatMap { word in
            file.occurrences(of: word, in: file.code).compactMap { offset -> Violation? in
                let line = file.line(at: offset)
                let comments = lines[max(0, line - 4)..<line]
                let hasReason = comments.contains { $0.contains("//") }
                guard !isListed || !hasReason else { return nil }
                let message = isListed ? "say in a comment above why it is safe" : "use a Mutex, an actor or a value"
                return Violation(path: file.path, line: line, message: "`\(word)`: \(message)")
            }
        }
    }

    static let blockComments = HouseRule(
        "Comments are lines",
        why: "a block comment hides where it ends, and hides code from these rules",
        in: .everywhere
    ) { file in
        file.blockComments.map {
            Violation(path: file.path, line: file.line(at: $0), message: "`/*`: write // lines")
        }
    }

    static let backDoors = HouseRule(
        "Rooms have doors, not windows",
        why: "@_spi and @_exported make an import say less than it does"
    ) { file in
        let mayExport = Ratchets.mayExport.contains { $0.covers(file) }
        return file.violations(of: ["@_spi"] + (mayExport ? [] : ["@_exported"]), in: file.code, "use package access")
    }

    static let oldTestFramework = HouseRule(
        "Tests are Swift Testing",
        why: "two frameworks are two summaries, and one of them gets forgotten",
        in: .tests
    ) { file in
        guard file.path.hasSuffix(".swift") else { return [] }
        return file.violations(of: ["XCTest"], in: file.code, "use Swift Testing")
    }

    static let privatePlaces = HouseRule(
        "Nothing names a private machine",
        why: "it is wrong everywhere else, and tells strangers about somebody's machine",
        in: .everywhere
    ) { file in
        guard !file.path.hasPrefix("Tests/TidyTests/") else { return [] }
        return ["/Users/", "/home/", "/root/", "/work/"].flatMap { place in
            file.occurrences(of: place, in: file.text).compactMap { offset -> Violation? in
                // In the middle of a longer path or URL it is somebody's folder of that name.
                let before = offset > 0 ? file.text[offset - 1] : UInt8(ascii: " ")
                guard !before.isWord, before != UInt8(ascii: "."), before != UInt8(ascii: "/") else { return nil }
                return Violation(
                    path: file.path,
                    line: file.line(at: offset),
                    message: "`\(place)`: use a neutral path"
                )
            }
        }
    }
}
