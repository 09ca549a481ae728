/// The arrows of the architecture: who may import whom. Imports point inward only.
enum ImportRules {
    static let all = [arrows, foundation]

    /// What every room may use: part of the language rather than of the house.
    static let language: Set = ["Swift", "Synchronization", "_Concurrency"]
    static let platform: Set = ["Glibc", "Musl", "Darwin"]
    static let vocabulary: Set = ["Instants", "JOSE", "OAuthVocabulary"]

    /// Room -> what it may import besides the language. A new room needs a row.
    static let mayImport: [String: Set<String>] = [
        "Instants": [],
        "JOSE": ["Instants", "Crypto", "CryptoExtras", "SwiftASN1"],
        "SystemCrypto": platform.union(["JOSE"]),
        "OAuthVocabulary": ["Instants", "JOSE", "Crypto"],
        "Storage": ["Instants"],
        "StorageConformance": ["Storage", "Instants"],
        "SQLiteStore": platform.union([
            "Storage", "Instants", "GRDB", "GRDBSQLite", "Foundation", "FoundationEssentials", "Dispatch",
        ]),
        "PostgresStore": platform.union(["Storage", "Instants", "Dispatch"]),
        "RedisClient": ["NIOCore", "NIOPosix", "NIOSSL", "Logging"],
        "OAuthClientRedis": [
            "OAuthClient", "IssuerConnection", "RedisClient", "Instants", "Crypto", "FoundationEssentials",
        ],
        "ResourceServerRedis": ["ResourceServer", "RevocationFeed", "RedisClient"],
        "RedisDenylist": ["AuthorizationServer", "RevocationFeed", "RedisClient", "Storage", "Instants", "Logging"],
        "RedisStore": ["RedisClient", "Storage", "Instants", "Crypto", "Logging"],
        "AuthorizationServer": vocabulary.union(platform).union([
            "RevocationFeed", "Storage", "CZlib", "Crypto", "Logging", "FoundationEssentials",
        ]),
        "Accounts": vocabulary.union(platform).union([
            "Storage", "CArgon2", "Crypto", "Logging", "FoundationEssentials", "Dispatch",
        ]),
        "UpstreamLogin": vocabulary.union([
            "Accounts", "OAuthClient", "IssuerConnection", "Storage", "Crypto", "FoundationEssentials",
        ]),
        "Pages": ["Mustache", "Crypto", "FoundationEssentials"],
        "ServerHTTP": vocabulary.union(platform).union([
            "AuthorizationServer", "Accounts", "UpstreamLogin", "Pages", "RevocationFeed", "Storage", "Hummingbird",
            "HummingbirdCore",
            "HummingbirdTLS",
            "HummingbirdHTTP2", "HTTPTypes", "NIOSSL", "NIOTLS", "NIOCore", "NIOPosix", "NIOHTTPTypes", "NIOHTTP1",
            "NIOHTTPTypesHTTP1", "Logging",
            "Metrics", "ServiceLifecycle", "Crypto", "FoundationEssentials",
        ]),
        "RevocationFeed": ["JOSE", "Instants", "Crypto"],
        "QRCode": [],
        "IssuerConnection": vocabulary.union(platform).union([
            "AsyncHTTPClient", "NIOCore", "NIOHTTP1", "Logging", "FoundationEssentials", "Dispatch",
        ]),
        "ResourceServer": vocabulary.union(platform).union([
            "IssuerConnection", "RevocationFeed", "Crypto", "Logging", "ServiceLifecycle", "FoundationEssentials",
        ]),
        "ResourceServerTesting": vocabulary.union(["ResourceServer", "IssuerConnection", "RevocationFeed"]),
        "ResourceServerHummingbird": vocabulary.union([
            "ResourceServer", "Hummingbird", "HummingbirdCore", "HTTPTypes", "Logging",
        ]),
        "OAuthClient": vocabulary.union(platform).union([
            "IssuerConnection", "Crypto", "Logging", "FoundationEssentials",
        ]),
        "OAuthClientHummingbird": vocabulary.union([
            "OAuthClient", "IssuerConnection", "Crypto", "Hummingbird", "HummingbirdCore", "HTTPTypes", "Logging",
        ]),
    ]

    /// What single files may import besides: the bridge between spans and the `Data` of swift-crypto.
    static let fileMayImport: [String: Set<String>] = [
        "Sources/JOSE/JWS/Algorithms/PrimitiveBytes.swift": ["FoundationEssentials"]
    ]

    /// The executable is the one place that wires everything together.
    static let composesEverything: Set = ["signet"]

    static let arrows = HouseRule(
        "Imports point inward",
        why: "a room that imports outward can no longer be understood, tested or reused without the house around it"
    ) { file in
        guard let room = file.target, !composesEverything.contains(room) else { return [] }
        guard let allowed = mayImport[room] else {
            return [Violation(path: file.path, line: 1, message: "room \(room) has no row in ImportRules.mayImport")]
        }
        return imports(in: file).compactMap { module, line in
            let isListed = allowed.contains(module) || fileMayImport[file.path]?.contains(module) == true
            guard !isListed, !language.contains(module) else { return nil }
            return Violation(path: file.path, line: line, message: "\(room) must not import \(module)")
        }
    }

    static let foundation = HouseRule(
        "Foundation stays outside",
        why: "it brings a locale, a time zone and a megabyte; FoundationEssentials has what we need"
    ) { file in
        imports(in: file).compactMap { module, line in
            guard module == "Foundation", !Ratchets.mayImportFoundation.contains(where: { $0.covers(file) }) else {
                return nil
            }
            return Violation(path: file.path, line: line, message: "import FoundationEssentials, or nothing")
        }
    }

    /// The modules a file imports, and the line of each.
    static func imports(in file: SourceFile) -> [(module: String, line: Int)] {
        let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
        return file.codeLines.enumerated().compactMap { index, line in
            let words = line.split(separator: " ")
            guard let keyword = words.firstIndex(of: "import"), keyword + 1 < words.count else { return nil }
            let isDeclaration = words[..<keyword].allSatisfy { word in
                word.hasPrefix("@") || ["public", "package", "internal", "fileprivate", "private"].contains(word)
            }
            guard isDeclaration else { return nil }
            let hasKind = kinds.contains(words[keyword + 1]) && keyword + 2 < words.count
            let path = words[keyword + (hasKind ? 2 : 1)]
            return (String(path.prefix { $0 != "." }), index + 1)
        }
    }
}
