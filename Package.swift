// swift-tools-version: 6.2
import PackageDescription

// The manifest reads as the map of the house: README.md says what each room is for, and
// Docs/decisions says why the walls stand where they do. Imports point inward only.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]
/// Rooms whose asynchronous functions stay on their caller's executor.
let callerIsolated: [SwiftSetting] = settings + [.enableUpcomingFeature("NonisolatedNonsendingByDefault")]
/// Rooms in which every use of unsafe memory is spelled `unsafe`.
let strictMemory: [SwiftSetting] = [.strictMemorySafety()]

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let asn1 = Target.Dependency.product(name: "SwiftASN1", package: "swift-asn1")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let sqlite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let hummingbirdHTTP2 = Target.Dependency.product(name: "HummingbirdHTTP2", package: "hummingbird")
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let hummingbirdTesting = Target.Dependency.product(name: "HummingbirdTesting", package: "hummingbird")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")

let package = Package(
    name: "signet",
    platforms: [.macOS(.v26)],
    products: [
        .library(name: "Instants", targets: ["Instants"]),
        .library(name: "JOSE", targets: ["JOSE"]),
        .library(name: "SystemCrypto", targets: ["SystemCrypto"]),
        .library(name: "Storage", targets: ["Storage"]),
        .library(name: "StorageConformance", targets: ["StorageConformance"]),
        .library(name: "IssuerConnection", targets: ["IssuerConnection"]),
        .library(name: "ResourceServer", targets: ["ResourceServer"]),
        .library(name: "ResourceServerTesting", targets: ["ResourceServerTesting"]),
        .library(name: "ResourceServerHummingbird", targets: ["ResourceServerHummingbird"]),
        .library(name: "OAuthClient", targets: ["OAuthClient"]),
        .library(name: "OAuthClientHummingbird", targets: ["OAuthClientHummingbird"]),
        .library(name: "RedisClient", targets: ["RedisClient"]),
        .library(name: "OAuthClientRedis", targets: ["OAuthClientRedis"]),
        .library(name: "ResourceServerRedis", targets: ["ResourceServerRedis"]),
        .library(name: "QRCode", targets: ["QRCode"]),
        .executable(name: "signet", targets: ["signet"]),
        // For Benchmarks/Package.swift alone, which builds it together with its own programs.
        .executable(name: "RevocationBenchmark", targets: ["RevocationBenchmark"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        // For tests only.
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        // The words everybody shares
        .target(name: "Instants", swiftSettings: callerIsolated),
        .target(
            name: "JOSE",
            dependencies: ["Instants", crypto, cryptoExtras, asn1],
            swiftSettings: callerIsolated + strictMemory
        ),
        // RSA signatures by the system's OpenSSL; nothing is linked.
        .target(name: "SystemCrypto", dependencies: ["JOSE"], swiftSettings: callerIsolated + strictMemory),
        .target(
            name: "OAuthVocabulary",
            dependencies: ["JOSE"],
            swiftSettings: callerIsolated
        ),
        // What the revocation feed says on the wire.
        .target(name: "RevocationFeed", dependencies: ["JOSE", "Instants", crypto], swiftSettings: callerIsolated),

        // What applications and APIs use
        .target(
            name: "IssuerConnection",
            dependencies: ["OAuthVocabulary", "JOSE", "Instants", asyncHTTPClient, nioCore, nioHTTP1, logging],
            swiftSettings: settings
        ),
        .target(
            name: "ResourceServer",
            dependencies: [
                "IssuerConnection", "RevocationFeed", "OAuthVocabulary", "JOSE", "Instants", crypto, logging, lifecycle,
            ],
            swiftSettings: settings
        ),
        .target(
            name: "ResourceServerTesting",
            dependencies: [
                "ResourceServer", "IssuerConnection", "RevocationFeed", "OAuthVocabulary", "JOSE", "Instants",
            ],
            swiftSettings: settings
        ),
        .target(
            name: "ResourceServerHummingbird",
            dependencies: ["ResourceServer", "OAuthVocabulary", "JOSE", hummingbird, logging],
            swiftSettings: settings
        ),
        .target(
            name: "OAuthClient",
            dependencies: ["IssuerConnection", "OAuthVocabulary", "JOSE", "Instants", crypto, logging],
            swiftSettings: settings
        ),
        .target(
            name: "OAuthClientHummingbird",
            dependencies: ["OAuthClient", "OAuthVocabulary", "JOSE", "Instants", hummingbird, crypto, logging],
            swiftSettings: settings
        ),

        // What a device shows, so that a phone's camera reads it.
        .target(name: "QRCode", swiftSettings: callerIsolated),

        // Where things are kept
        .target(name: "Storage", dependencies: ["Instants"], swiftSettings: callerIsolated),
        .target(
            name: "StorageConformance",
            dependencies: ["Storage", "Instants"],
            swiftSettings: callerIsolated
        ),
        .target(
            name: "SQLiteStore",
            dependencies: ["Storage", "Instants", grdb, sqlite],
            swiftSettings: settings
        ),

        // libpq is loaded when a postgres:// address is opened; nothing is linked.
        .target(name: "PostgresStore", dependencies: ["Storage", "Instants"], swiftSettings: settings),
        // Few commands of one protocol: Docs/decisions/0026-redis.md says why it is our own.
        .target(
            name: "RedisClient",
            dependencies: [nioCore, nioPosix, nioSSL, logging],
            swiftSettings: settings
        ),
        .target(
            name: "RedisStore",
            dependencies: ["RedisClient", "Storage", "Instants", crypto, logging],
            swiftSettings: settings
        ),

        .target(
            name: "OAuthClientRedis",
            dependencies: ["OAuthClient", "IssuerConnection", "RedisClient", "Instants", crypto],
            swiftSettings: settings
        ),
        .target(
            name: "ResourceServerRedis",
            dependencies: ["ResourceServer", "RevocationFeed", "RedisClient"],
            swiftSettings: settings
        ),
        .target(
            name: "RedisDenylist",
            dependencies: ["AuthorizationServer", "RevocationFeed", "RedisClient", "Storage", "Instants", logging],
            swiftSettings: settings
        ),

        // What is decided
        .target(
            name: "AuthorizationServer",
            dependencies: [
                "RevocationFeed", "OAuthVocabulary", "JOSE", "Storage", "Instants", "CZlib", crypto, logging,
            ],
            swiftSettings: callerIsolated
        ),
        .systemLibrary(
            name: "CZlib",
            pkgConfig: "zlib",
            providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]
        ),
        .systemLibrary(
            name: "CArgon2",
            pkgConfig: "libargon2",
            providers: [.apt(["libargon2-dev"]), .brew(["argon2"])]
        ),
        .target(
            name: "Accounts",
            dependencies: ["OAuthVocabulary", "JOSE", "Storage", "Instants", "CArgon2", crypto, logging],
            swiftSettings: settings
        ),
        .target(
            name: "UpstreamLogin",
            dependencies: [
                "Accounts", "OAuthClient", "IssuerConnection", "OAuthVocabulary", "JOSE", "Storage", "Instants", crypto,
            ],
            swiftSettings: settings
        ),

        // What people and programs see
        .target(
            name: "Pages",
            dependencies: [mustache, crypto],
            // The readable signet.js; Assets holds what scripts/minify.sh makes of it.
            exclude: ["BrowserLibrary"],
            resources: [.embedInCode("Assets"), .embedInCode("Templates")],
            swiftSettings: settings
        ),
        .target(
            name: "ServerHTTP",
            dependencies: [
                "AuthorizationServer", "Accounts", "UpstreamLogin", "Pages", "RevocationFeed", "OAuthVocabulary",
                "JOSE",
                "Storage", "Instants", hummingbird, hummingbirdHTTP2, nioSSL, nioTLS, nioCore, nioHTTP1, nioPosix,
                crypto, logging, metrics,
                lifecycle,
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "signet",
            dependencies: [
                "ServerHTTP", "SQLiteStore", "PostgresStore", "RedisClient", "RedisStore", "RedisDenylist",
                "AuthorizationServer", "Accounts", "UpstreamLogin",
                "Pages",
                "OAuthVocabulary", "JOSE",
                "SystemCrypto", "RevocationFeed", "ResourceServer", "ResourceServerHummingbird", "IssuerConnection",
                "OAuthClient", "QRCode", "Storage", "Instants", argumentParser, yams, logging, lifecycle, unixSignals,
                hummingbird,
                asyncHTTPClient, nioCore, nioHTTP1,
            ],
            swiftSettings: settings
        ),

        // Measures the revocation feed from within: Benchmarks/README.md.
        .executableTarget(
            name: "RevocationBenchmark",
            dependencies: [
                "ResourceServer", "IssuerConnection", "RevocationFeed", "AuthorizationServer", "SQLiteStore",
                "OAuthVocabulary", "JOSE", "Storage", "Instants", logging,
            ],
            path: "Benchmarks/Revocation",
            swiftSettings: settings
        ),

        // Measures the stores from within: Benchmarks/README.md.
        .executableTarget(
            name: "StorageBenchmark",
            dependencies: [
                "AuthorizationServer", "SQLiteStore", "PostgresStore", "OAuthVocabulary", "Storage", "Instants", sqlite,
            ],
            path: "Benchmarks/Storage",
            swiftSettings: settings
        ),

        // One test target a source target
        .testTarget(
            name: "JOSETests",
            dependencies: ["JOSE", "Instants", "ProcessTesting"],
            resources: [.copy("Vectors")],
            swiftSettings: settings
        ),
        // Our side of Tests/Interop.
        .executableTarget(
            name: "JOSEPeer",
            dependencies: ["JOSE", "Instants"],
            path: "Tests/Interop/JOSEPeer",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "QRPeer",
            dependencies: ["QRCode"],
            path: "Tests/Interop/QRPeer",
            swiftSettings: settings
        ),
        .testTarget(name: "QRCodeTests", dependencies: ["QRCode"], swiftSettings: settings),
        .testTarget(name: "SystemCryptoTests", dependencies: ["SystemCrypto", "JOSE"], swiftSettings: settings),
        .testTarget(name: "OAuthVocabularyTests", dependencies: ["OAuthVocabulary"], swiftSettings: settings),
        .testTarget(
            name: "StorageTests",
            dependencies: ["Storage", "StorageConformance", "Instants"],
            swiftSettings: settings
        ),
        // The program that Tests/Crash/store_crash.py kills.
        .executableTarget(
            name: "StoreVictim",
            dependencies: ["SQLiteStore", "Storage", "Instants"],
            path: "Tests/Crash/StoreVictim",
            swiftSettings: settings
        ),
        .testTarget(
            name: "SQLiteStoreTests",
            dependencies: [
                "SQLiteStore", "Storage", "StorageConformance", "Instants", grdb,
            ],
            swiftSettings: settings
        ),
        // Programs that tests start.
        .target(
            name: "ProcessTesting",
            dependencies: [subprocess],
            path: "Tests/ProcessTesting",
            swiftSettings: settings
        ),
        // A real Redis for tests, on a port of its own.
        .target(
            name: "RedisTesting",
            dependencies: ["RedisClient", "ProcessTesting"],
            path: "Tests/RedisTesting",
            swiftSettings: settings
        ),
        .testTarget(
            name: "RedisClientTests",
            dependencies: ["RedisClient", "RedisTesting", nioCore, nioPosix, logging],
            swiftSettings: settings
        ),
        .testTarget(
            name: "RedisStoreTests",
            dependencies: ["RedisStore", "RedisClient", "RedisTesting", "Storage", "StorageConformance", "Instants"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "PostgresStoreTests",
            dependencies: ["PostgresStore", "ProcessTesting", "Storage", "StorageConformance", "Instants"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "OAuthClientRedisTests",
            dependencies: [
                "OAuthClientRedis", "OAuthClient", "IssuerConnection", "RedisClient", "RedisTesting", "Instants",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ResourceServerRedisTests",
            dependencies: [
                "ResourceServerRedis", "ResourceServer", "ResourceServerTesting", "RedisDenylist",
                "AuthorizationServer", "RevocationFeed", "RedisClient", "RedisTesting", "IssuerConnection",
                "OAuthVocabulary", "JOSE", "Storage", "Instants", logging,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "AuthorizationServerTests",
            dependencies: [
                "AuthorizationServer", "RevocationFeed", "OAuthVocabulary", "JOSE", "Storage", "Instants", logging,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "RevocationFeedTests",
            dependencies: ["RevocationFeed", "JOSE", "Instants"],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "OAuthClientPeer",
            dependencies: ["OAuthClient", "IssuerConnection", "JOSE", "Instants"],
            path: "Tests/Journeys/OAuthClientPeer",
            swiftSettings: settings
        ),
        // A server of which the journeys leave defences out.
        .executableTarget(
            name: "SessionPeer",
            dependencies: [
                "ServerHTTP", "AuthorizationServer", "Accounts", "OAuthVocabulary", "Storage", logging, lifecycle,
                unixSignals,
            ],
            path: "Tests/Journeys/SessionPeer",
            swiftSettings: settings
        ),
        .testTarget(
            name: "IssuerConnectionTests",
            dependencies: [
                "IssuerConnection", "OAuthVocabulary", "JOSE", "Instants", hummingbird, asyncHTTPClient, logging,
                nioCore,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ResourceServerTests",
            dependencies: [
                "ResourceServer", "ResourceServerTesting", "IssuerConnection", "RevocationFeed", "OAuthVocabulary",
                "JOSE", "Instants", logging, lifecycle,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "ResourceServerHummingbirdTests",
            dependencies: [
                "ResourceServerHummingbird", "ResourceServer", "ResourceServerTesting", "IssuerConnection", "JOSE",
                "Instants", hummingbird, hummingbirdTesting, logging,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "OAuthClientTests",
            dependencies: [
                "OAuthClient", "IssuerConnection", "OAuthVocabulary", "JOSE", "Instants", hummingbird, logging, nioCore,
                crypto,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "OAuthClientHummingbirdTests",
            dependencies: [
                "OAuthClientHummingbird", "OAuthClient", "IssuerConnection", "JOSE", "Instants", hummingbird,
                hummingbirdTesting, logging,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "AccountsTests",
            dependencies: ["Accounts", "SQLiteStore", "OAuthVocabulary", "JOSE", "Storage", "Instants"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "UpstreamLoginTests",
            dependencies: [
                "UpstreamLogin", "Accounts", "OAuthClient", "IssuerConnection", "OAuthVocabulary", "JOSE", "Storage",
                "Instants", hummingbird, logging, nioCore,
            ],
            swiftSettings: settings
        ),
        .testTarget(name: "PagesTests", dependencies: ["Pages"], swiftSettings: settings),
        .testTarget(
            name: "ServerHTTPTests",
            dependencies: [
                "ServerHTTP", "AuthorizationServer", "Accounts", "UpstreamLogin", "IssuerConnection", "Pages",
                "RevocationFeed", "OAuthVocabulary", "JOSE",
                "Storage", "Instants", "ProcessTesting",
                hummingbird, nioSSL, nioTLS, nioCore, nioPosix, nioEmbedded, lifecycle, logging,
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "signetTests",
            dependencies: [
                "signet", "AuthorizationServer", "Accounts", "UpstreamLogin", "OAuthVocabulary", "ServerHTTP",
                "RedisStore",
                "SQLiteStore",
                "SystemCrypto", "RevocationFeed", "ResourceServer", "ResourceServerTesting", "IssuerConnection",
                "OAuthClient", "QRCode", "Storage", "Pages", "JOSE", "Instants", hummingbird, hummingbirdTesting,
                asyncHTTPClient, argumentParser, nioCore, nioPosix, nioHTTP1, logging, lifecycle,
            ],
            swiftSettings: settings
        ),
        .testTarget(name: "TidyTests", swiftSettings: settings),
    ]
)
