/// Rules about secrets.
enum SecretRules {
    static let all = [comparison]

    /// How the names of values end that a caller must not be able to guess byte by byte.
    static let guessable = ["secret", "mac", "hash", "signature", "verifier", "password", "formtoken", "cookievalue"]

    /// FIELD E17: comparing with `==` on text stops at the first difference, and the time tells where that was.
    static let comparison = HouseRule(
        "FIELD E17: secrets are compared in constant time",
        why: "the time of an ordinary comparison tells how much of a guess was right"
    ) { file in
        guard !Ratchets.mayCompareSecrets.contains(where: { $0.covers(file) }) else { return [] }
        return file.codeLines.enumerated().flatMap { index, line in
            line.matches(of: /([A-Za-z0-9_.]+)(?:\([^()]*\))? (?:==|!=) ([A-Za-z0-9_.]+)/).compactMap { match in
                let operands = [match.1, match.2].map { $0.split(separator: ".").last?.lowercased() ?? "" }
                let isGuessable = operands.contains { operand in guessable.contains { operand.hasSuffix($0) } }
                // `Secret(a) == Secret(b)` is the constant-time comparison itself; with nil nothing is compared.
                let isSafe = operands.contains("nil") || match.1 == "Secret" || match.2 == "Secret"
                guard isGuessable, !isSafe else { return nil }
                let message = "`\(match.0)`: compare Secrets, or use ConstantTime.equal"
                return Violation(path: file.path, line: index + 1, message: message)
            }
        }
    }
}
