// swift-tools-version: 6.2
import PackageDescription

// Runnable applications that use the products as an outsider would; Examples/README.md says what each shows.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

func signet(_ product: String) -> Target.Dependency { .product(name: product, package: "signet") }

let package = Package(
    name: "signet-examples",
    platforms: [.macOS(.v26)],
    dependencies: [
        .package(name: "signet", path: ".."),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        .executableTarget(
            name: "orders-api",
            dependencies: [
                signet("ResourceServer"), signet("ResourceServerHummingbird"), signet("IssuerConnection"), hummingbird,
                logging,
            ],
            path: "orders/api",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "orders-service",
            dependencies: [signet("OAuthClient"), signet("IssuerConnection"), hummingbird, logging],
            path: "orders/service",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "web-shop",
            dependencies: [
                signet("OAuthClient"), signet("OAuthClientHummingbird"), signet("IssuerConnection"), signet("JOSE"),
                hummingbird,
                logging,
            ],
            path: "web",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "orders-tool",
            dependencies: [signet("OAuthClient"), signet("IssuerConnection"), hummingbird, logging],
            path: "cli",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "orders-tv",
            dependencies: [signet("OAuthClient"), signet("IssuerConnection"), signet("QRCode"), hummingbird, logging],
            path: "tv",
            swiftSettings: settings
        ),
    ]
)
