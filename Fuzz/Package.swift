// swift-tools-version: 6.2
import PackageDescription

// A package of its own: it is built with a sanitizer, and nobody who depends on Signet should resolve it. See README.md.

let package = Package(
    name: "signet-fuzz",
    platforms: [.macOS(.v26)],
    dependencies: [.package(name: "signet", path: "..")],
    targets: [
        .target(name: "CLibFuzzer"),
        .executableTarget(
            name: "FuzzJOSE",
            dependencies: [
                "CLibFuzzer", .product(name: "JOSE", package: "signet"), .product(name: "Instants", package: "signet"),
            ],
            swiftSettings: [
                .swiftLanguageMode(.v6),
                .enableUpcomingFeature("ExistentialAny"),
                .enableUpcomingFeature("InternalImportsByDefault"),
                .enableUpcomingFeature("MemberImportVisibility"),
            ]
        ),
    ]
)
