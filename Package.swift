// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "souk",
    products: [
        .executable(name: "souk", targets: ["souk"]),
        .executable(name: "soukctl", targets: ["soukctl"]),
        .executable(name: "gateway", targets: ["gateway"]),
        .executable(name: "auth-service", targets: ["auth-service"]),
        .executable(name: "product-service", targets: ["product-service"]),
        .executable(name: "vendor-service", targets: ["vendor-service"]),
        .executable(name: "order-service", targets: ["order-service"]),
        .executable(name: "payment-service", targets: ["payment-service"]),
        .executable(name: "notification-service", targets: ["notification-service"]),
        .executable(name: "mock-kafka", targets: ["mock-kafka"]),
        .executable(name: "souk-bench", targets: ["souk-bench"]),
        .executable(name: "souk-fuzz", targets: ["souk-fuzz"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0", traits: []),
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.0"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.0"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.0"),
    ],
    targets: clibs + proto + platform + agreements + services + gateway + marketplace + commands
)

// MARK: - C libraries

var clibs: [Target] {
    [
        .systemLibrary(
            name: "CSQLite", path: "internal/clibs/sqlite", pkgConfig: "sqlite3",
            providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(
            name: "CArgon2", path: "internal/clibs/argon2", pkgConfig: "libargon2",
            providers: [.apt(["libargon2-dev"])]),
        .systemLibrary(name: "CMalloc", path: "internal/clibs/malloc"),
        .systemLibrary(name: "CProcess", path: "internal/clibs/process"),
        .systemLibrary(name: "CZlib", path: "internal/clibs/zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(
            name: "CPQ", path: "internal/clibs/pq", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        // Without pkgConfig: its flags are refused; the module map links.
        .systemLibrary(
            name: "CHiredis", path: "internal/clibs/hiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(
            name: "CRDKafka", path: "internal/clibs/rdkafka", pkgConfig: "rdkafka",
            providers: [.apt(["librdkafka-dev"])]),
        .systemLibrary(
            name: "CRabbitMQ", path: "internal/clibs/rabbitmq", pkgConfig: "librabbitmq",
            providers: [.apt(["librabbitmq-dev"])]),
    ]
}

// MARK: - The gRPC contracts, generated

var proto: [Target] {
    [
        library(
            "SoukProto", "proto", [.grpc, .grpcProtobuf, .protobuf],
            exclude: ["souk", "grpc", "buf.yaml", "contract.txtpb", "checksums.txt"])
    ]
}

// MARK: - Platform: knows nothing of shopping

/// The layers, the lowest first. A module imports modules of its own layer and of lower ones:
/// `scripts/check-imports` checks that.
var platform: [Target] {
    layer("core", coreModules)
        + layer("observability", observabilityModules)
        + layer("data", dataModules)
        + layer("messaging", messagingModules)
        + layer("identity", identityModules)
        + layer("http", httpModules)
        + layer("rpc", rpcModules)
        + layer("host", hostModules)
        + layer("testing", testingModules)
}

var coreModules: [Target] {
    module("SoukErrors", "errors")
        + module("SoukText", "text", testing: ["SoukTesting"])
        + module("SoukTime", "time", testing: ["SoukTesting"])
        + module("SoukIDs", "ids", testing: ["SoukTesting"])
        + module("SoukMoney", "money", ["SoukErrors"], testing: ["SoukTesting"])
        + module("SoukPagination", "pagination", ["SoukErrors", "SoukText"], testing: ["SoukTesting"])
        + module("SoukCallContext", "call-context", ["SoukErrors", "SoukIDs"])
        + module("SoukEnv", "env", ["SoukText"])
        + module("SoukTemplates", "templates", ["SoukText", .mustache])
}

var observabilityModules: [Target] {
    module("SoukLogger", "logger", ["SoukText", .logging, .tracing])
        + module("SoukObservability", "observability", ["SoukText", .metrics, .tracing])
}

var dataModules: [Target] {
    module(
        "SoukDatabase", "database",
        ["SoukErrors", "SoukIDs", "SoukText", "SoukTime", .crypto, .logging], testing: ["SoukTesting"])
        + module(
            "SoukDatabaseSQLite", "database-sqlite",
            ["CSQLite", "SoukDatabase", "SoukText", .logging, .nio],
            testing: ["SoukErrors", "SoukTesting", "SoukIDs", "SoukTime"])
        + module(
            "SoukDatabasePostgres", "database-postgres",
            ["CPQ", "SoukDatabase", "SoukText", "SoukTime", .logging], testing: ["SoukErrors", "SoukTesting"])
        + module(
            "SoukCache", "cache",
            ["SoukErrors", "SoukText", "SoukTime"],
            testing: ["SoukTesting"])
        + module(
            "SoukCacheRedis", "cache-redis",
            ["CHiredis", "SoukCache", "SoukEnv", "SoukText", .crypto, .logging],
            testing: ["SoukErrors", "SoukTesting"])
}

var messagingModules: [Target] {
    module("SoukBroker", "broker", ["SoukErrors"])
        + module(
            "SoukBrokerEmbedded", "broker-embedded",
            ["SoukBroker", "SoukDatabase", "SoukDatabaseSQLite", "SoukTime", .logging],
            testing: ["SoukTesting"])
        + module(
            "SoukBrokerKafka", "broker-kafka",
            ["CRDKafka", "SoukBroker", "SoukEnv", "SoukText", .logging, .metrics, .nio],
            testing: ["SoukIDs", "SoukTesting"], exclude: ["testing"])
        + module(
            "SoukBrokerRabbitMQ", "broker-rabbitmq",
            ["CRabbitMQ", "SoukBroker", "SoukText", .logging],
            testing: ["SoukTesting"])
        + module("SoukCloudEvents", "cloud-events", ["SoukErrors", "SoukIDs", "SoukText", "SoukTime"])
        + module(
            "SoukEventsRuntime", "events-runtime",
            [
                "SoukBroker", "SoukCallContext", "SoukCloudEvents", "SoukDatabase", "SoukErrors", "SoukIDs",
                "SoukPagination", "SoukText", "SoukTime", .lifecycle, .logging, .metrics, .tracing,
            ],
            testing: [
                "SoukBrokerEmbedded", "SoukBrokerKafka", "SoukBrokerRabbitMQ", "SoukObservability",
                "SoukTesting",
            ])
        + [
            .executableTarget(
                name: "mock-kafka", dependencies: ["CRDKafka", .argumentParser],
                path: "broker-kafka/testing", swiftSettings: .souk)
        ]
}

var identityModules: [Target] {
    module(
        "SoukAuthToken", "auth-token",
        ["SoukCallContext", "SoukErrors", "SoukIDs", "SoukText", "SoukTime", .jwt],
        testing: ["SoukTesting"])
        + module(
            "SoukGuards", "guards",
            [
                "SoukAuthToken", "SoukCache", "SoukCallContext", "SoukErrors", "SoukIDs", "SoukTime",
                .httpClient, .lifecycle, .logging, .nio,
            ],
            testing: ["SoukCacheRedis", "SoukTesting", "SoukHTTPTesting", .hummingbird])
}

var httpModules: [Target] {
    module(
        "SoukAPI", "api",
        ["SoukErrors", "SoukIDs", "SoukMoney", "SoukPagination", "SoukText", "SoukTime"])
        + module(
            "SoukHTTP", "http",
            [
                "SoukAPI", "SoukAuthToken", "SoukCallContext", "SoukErrors", "SoukIDs",
                "SoukObservability", "SoukPagination", "SoukText", "SoukTime", .hummingbird,
                .httpTypes,
                .logging,
                .metrics, .nio, .nioHTTP1, .tracing,
            ],
            testing: ["SoukTesting", "SoukHTTPTesting", "SoukLogger"])
        + module(
            "SoukIdempotency", "idempotency",
            [
                "SoukCallContext", "SoukDatabase", "SoukEnv", "SoukErrors", "SoukHTTP", "SoukIDs", "SoukTime",
                .crypto, .httpTypes, .hummingbird, .logging, .nio,
            ],
            testing: ["SoukAPI", "SoukHTTPTesting", "SoukTesting"])
        + [
            library(
                "SoukHTTPTesting", "http-testing",
                [
                    "SoukAPI", "SoukAuthToken", "SoukCallContext", "SoukHTTP", "SoukIDs", .hummingbird,
                    .httpTypes,
                    .logging, .nio,
                ])
        ]
}

var rpcModules: [Target] {
    module(
        "SoukRPCRuntime", "rpc-runtime",
        [
            "SoukAuthToken", "SoukCallContext", "SoukEnv", "SoukErrors", "SoukIDs", "SoukMoney",
            "SoukProto", "SoukText", "SoukTime", .crypto, .grpc, .grpcNIO, .jwt, .lifecycle, .logging,
            .metrics, .nio,
            .protobuf, .tracing,
        ],
        testing: ["SoukObservability", "SoukTesting", .grpcInProcess, .grpcProtobuf])
        + module(
            "SoukEventsRPC", "events-rpc",
            [
                "SoukCallContext", "SoukErrors", "SoukEventsRuntime", "SoukPagination",
                "SoukProto", "SoukRPCRuntime", "SoukTime", .grpc, .protobuf,
            ],
            testing: [
                "SoukAuthToken", "SoukBroker", "SoukBrokerEmbedded", "SoukDatabase", "SoukHTTPTesting",
                "SoukIDs",
                "SoukRPCTesting",
                "SoukTesting", .grpcInProcess,
            ])
        + [
            library(
                "SoukRPCTesting", "rpc-testing",
                [
                    "SoukAuthToken", "SoukEnv", "SoukRPCRuntime", .grpc, .grpcInProcess, .grpcNIO, .jwt,
                    .lifecycle,
                ])
        ]
}

var hostModules: [Target] {
    module("SoukSupervisor", "supervisor", ["CProcess"])
        + module(
            "SoukService", "service",
            [
                "CMalloc", "SoukAPI", "SoukBroker", "SoukCallContext", "SoukDatabase",
                "SoukEnv",
                "SoukErrors", "SoukEventsRuntime", "SoukHTTP", "SoukLogger",
                "SoukPagination", "SoukSupervisor",
                "SoukTime", .hummingbird, .httpTypes, .lifecycle, .logging, .metrics, .nio, .nioHTTP1,
                .argumentParser, .unixSignals,
            ],
            testing: ["SoukAuthToken", "SoukBrokerEmbedded", "SoukHTTPTesting", "SoukIDs", "SoukTesting"])
        + module(
            "SoukProcess", "process",
            [
                "SoukAuthToken", "SoukBroker", "SoukCache", "SoukCallContext", "SoukDatabase", "SoukEnv",
                "SoukEventsRPC", "SoukEventsRuntime", "SoukGuards", "SoukHTTP", "SoukObservability",
                "SoukRPCRuntime", "SoukService", "SoukSupervisor", "SoukText", "SoukTime", .grpc,
                .hummingbird,
                .lifecycle, .logging,
            ],
            testing: ["SoukCloudEvents", "SoukHTTPTesting", "SoukTesting"])
        + module(
            "SoukEmbedded", "embedded",
            [
                "SoukBroker", "SoukBrokerEmbedded", "SoukCache", "SoukDatabase", "SoukDatabaseSQLite",
                "SoukEnv",
                "SoukIDs", "SoukProcess", "SoukService", "SoukText", .logging,
            ],
            testing: ["SoukTesting"])
        + module(
            "SoukServers", "servers",
            [
                "SoukAuthToken", "SoukBroker", "SoukBrokerKafka", "SoukBrokerRabbitMQ", "SoukCache",
                "SoukCacheRedis", "SoukDatabase", "SoukDatabasePostgres", "SoukEnv", "SoukGuards",
                "SoukProcess", "SoukRPCRuntime", "SoukService", "SoukSupervisor", "SoukText", "SoukTime",
                .argumentParser, .grpcNIO, .logging,
            ],
            testing: ["SoukTesting"])
}

var testingModules: [Target] {
    [
        library(
            "SoukTesting", "testing",
            [
                "SoukBroker", "SoukCache", "SoukDatabase", "SoukDatabasePostgres",
                "SoukDatabaseSQLite", "SoukErrors", "SoukIDs", "SoukTime",
            ]),
        .executableTarget(
            name: "souk-bench",
            dependencies: [
                "SoukAuthToken", "SoukBroker", "SoukBrokerKafka", "SoukBrokerRabbitMQ", "SoukCache",
                "SoukCacheRedis", "SoukCallContext", "SoukCloudEvents", "SoukDatabase",
                "SoukDatabasePostgres", "SoukEnv", "SoukEventsRuntime", "SoukIDs", "SoukTime",
                .argumentParser, .lifecycle, .logging,
            ],
            path: "benchmarks", swiftSettings: .souk),
        .executableTarget(
            name: "souk-fuzz", dependencies: [.argumentParser], path: "fuzz", swiftSettings: .souk),
    ]
}

// MARK: - What services agree on

var agreements: [Target] {
    module("SoukIdentifiers", "internal/identifiers", ["SoukIDs"], tested: false)
        + module(
            "SoukEvents", "internal/events",
            ["SoukCloudEvents", "SoukIdentifiers", "SoukIDs", "SoukMoney", "SoukTime"])
}

// MARK: - Services

var services: [Target] {
    kernel("SoukAuthKernel", "auth", ["SoukIDs", "SoukPagination", "SoukTime"])
        + kernel("SoukProductKernel", "product", ["SoukMoney"])
        + kernel("SoukVendorKernel", "vendor", ["SoukIDs"])
        + kernel("SoukPaymentKernel", "payment", ["SoukIDs", "SoukMoney", "SoukTime"])
        + rpc("SoukAuthRPC", "auth", ["SoukAuthKernel", "SoukPagination", "SoukText", "SoukTime"])
        + rpc("SoukProductRPC", "product", ["SoukMoney", "SoukProductKernel"])
        + rpc("SoukVendorRPC", "vendor", ["SoukVendorKernel"])
        + rpc("SoukPaymentRPC", "payment", ["SoukMoney", "SoukPaymentKernel", "SoukTime"])
        + service(
            "SoukAuth", "auth", hasKernel: true,
            [
                "CArgon2", "CZlib", "SoukAuthKernel", "SoukAuthRPC", "SoukAuthToken", "SoukCallContext",
                "SoukEvents", "SoukGuards", "SoukPagination", "SoukRPCRuntime", .crypto, .httpTypes, .logging,
                .nio,
            ],
            testing: ["SoukCloudEvents", "SoukProto", .grpc, .grpcInProcess, .protobuf])
        + module(
            "SoukAuthGuard", "internal/services/auth-guard",
            [
                "SoukAuthKernel", "SoukCache", "SoukGuards", "SoukProcess", "SoukTime",
            ],
            testing: ["SoukAuthToken", "SoukCallContext", "SoukIDs", "SoukTesting"])
        + service(
            "SoukProduct", "product", hasKernel: true,
            [
                "SoukCallContext", "SoukEvents", "SoukIdempotency", "SoukMoney", "SoukPagination",
                "SoukProductKernel",
                "SoukProductRPC", "SoukVendorKernel",
            ], testing: ["SoukRPCRuntime"])
        + service(
            "SoukVendor", "vendor", hasKernel: true,
            [
                "SoukCallContext", "SoukEvents", "SoukIdempotency", "SoukMoney", "SoukPagination",
                "SoukVendorKernel",
                "SoukVendorRPC",
            ], testing: ["SoukRPCRuntime", "SoukCloudEvents"])
        + service(
            "SoukOrder", "order",
            [
                "SoukCallContext", "SoukCloudEvents", "SoukEvents", "SoukIdempotency", "SoukMoney",
                "SoukPagination",
                "SoukPaymentKernel", "SoukProductKernel", "SoukVendorKernel", .crypto, .httpTypes, .logging,
                .metrics,
            ])
        + service(
            "SoukPayment", "payment", hasKernel: true,
            [
                "SoukCallContext", "SoukEvents", "SoukIdempotency", "SoukMoney", "SoukPagination",
                "SoukPaymentKernel",
                "SoukPaymentRPC", "SoukVendorKernel", .crypto, .httpTypes, .logging, .metrics,
            ], testing: ["SoukRPCRuntime", "SoukCloudEvents"])
        + service(
            "SoukPaymentSandbox", "payment-sandbox",
            [
                "SoukMoney", "SoukPayment", "SoukTemplates", .httpClient, .httpTypes, .logging, .metrics,
                .nio,
            ], testing: ["SoukDatabaseSQLite"])
        + service(
            "SoukNotification", "notification",
            [
                "SoukAuthKernel", "SoukCallContext", "SoukCloudEvents", "SoukEvents", "SoukMoney",
                "SoukPagination", "SoukTemplates", .logging, .mustache, .nio,
            ], testing: ["SoukBroker"])
}

// MARK: - The gateway

var gateway: [Target] {
    module("SoukHTTPWire", "internal/gateway/wire", [.nio], testing: ["SoukTesting"])
        + module(
            "SoukGateway", "internal/gateway",
            [
                "CZlib", "SoukAPI", "SoukAuthToken", "SoukCache", "SoukCallContext", "SoukEnv", "SoukErrors",
                "SoukEventsRuntime", "SoukHTTP", "SoukHTTPWire", "SoukIDs", "SoukObservability",
                "SoukProcess",
                "SoukService", "SoukSupervisor", "SoukText", "SoukTime", .deque, .httpClient, .httpTypes,
                .hummingbird, .lifecycle, .logging, .metrics, .nio, .nioHPACK, .nioHTTP1, .nioHTTP2, .nioSSL,
                .unixSignals, .yams,
            ],
            testing: ["SoukRPCRuntime", "SoukTesting", .nioEmbedded], exclude: ["wire"])
}

// MARK: - The list of services

var marketplace: [Target] {
    module(
        "SoukMarketplace", "internal/marketplace",
        [
            "SoukAuth", "SoukAuthGuard", "SoukGateway", "SoukNotification", "SoukOrder", "SoukPayment",
            "SoukPaymentSandbox", "SoukProcess", "SoukProduct", "SoukVendor",
        ],
        testing: [
            "SoukAuthKernel", "SoukCallContext", "SoukEnv", "SoukEvents", "SoukPaymentKernel",
            "SoukProductKernel",
            "SoukVendorKernel",
        ])
}

// MARK: - Executables

var commands: [Target] {
    [
        .executableTarget(
            name: "souk",
            dependencies: [
                "SoukEmbedded", "SoukEnv", "SoukMarketplace", "SoukProcess", "SoukService", .argumentParser,
            ],
            path: "cmd/souk", exclude: ["tests"], swiftSettings: .souk),
        process("gateway", exclude: ["tests"]),
        process("auth-service"),
        process("product-service"),
        process("vendor-service"),
        process("order-service"),
        process("payment-service"),
        process("notification-service"),
        .executableTarget(
            name: "soukctl", dependencies: ["SoukText", .argumentParser, .httpClient],
            path: "cmd/soukctl", swiftSettings: .souk),
    ]
}

// MARK: - Kinds of target

/// A layer of the platform. The paths of its targets are relative to its directory.
func layer(_ name: String, _ targets: [Target]) -> [Target] {
    for target in targets {
        target.path = target.path.map { "internal/platform/\(name)/\($0)" }
    }
    return targets
}

/// A library and, beside it, its test target in `<path>/tests`.
func module(
    _ name: String, _ path: String, _ dependencies: [Target.Dependency] = [],
    testing: [Target.Dependency] = [], exclude: [String] = [], tested: Bool = true
) -> [Target] {
    let target = library(name, path, dependencies, exclude: exclude + (tested ? ["tests"] : []))
    guard tested else { return [target] }
    return [
        target,
        .testTarget(
            name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies + testing,
            path: "\(path)/tests", swiftSettings: .souk),
    ]
}

func library(
    _ name: String, _ path: String, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
    .target(name: name, dependencies: dependencies, path: path, exclude: exclude, swiftSettings: .souk)
}

/// What a service offers its peers: a protocol over value types.
func kernel(_ name: String, _ service: String, _ dependencies: [Target.Dependency]) -> [Target] {
    module(
        name, "internal/services/\(service)/kernel",
        ["SoukCallContext", "SoukErrors", "SoukIdentifiers"] + dependencies, tested: false)
}

/// A service's kernel over gRPC: what serves it and what calls it.
func rpc(_ name: String, _ service: String, _ dependencies: [Target.Dependency]) -> [Target] {
    module(
        name, "internal/services/\(service)/rpc",
        [
            "SoukCallContext", "SoukErrors", "SoukIdentifiers", "SoukIDs", "SoukProto", "SoukRPCRuntime",
            .grpc,
            .protobuf,
        ] + dependencies)
}

/// A service; its kernel, where peers call it, lies in the same directory as targets of its own.
func service(
    _ name: String, _ directory: String, hasKernel: Bool = false, _ dependencies: [Target.Dependency],
    testing: [Target.Dependency] = []
) -> [Target] {
    module(
        name, "internal/services/\(directory)", .serviceFoundation + dependencies,
        testing: ["SoukTesting", "SoukHTTPTesting"] + testing
            + (hasKernel ? ["SoukRPCTesting", .grpcNIO] : []),
        exclude: hasKernel ? ["kernel", "rpc"] : [])
}

/// An executable that runs one service.
func process(_ name: String, exclude: [String] = []) -> Target {
    .executableTarget(
        name: name, dependencies: ["SoukMarketplace", "SoukProcess", "SoukServers"], path: "cmd/\(name)",
        exclude: exclude, swiftSettings: .souk)
}

extension [Target.Dependency] {
    /// The modules that every service uses.
    static var serviceFoundation: Self {
        [
            "SoukAPI", "SoukDatabase", "SoukEnv", "SoukErrors", "SoukEventsRuntime", "SoukHTTP", "SoukIDs",
            "SoukIdentifiers", "SoukProcess", "SoukService", "SoukText", "SoukTime", .hummingbird, .lifecycle,
        ]
    }
}

extension [SwiftSetting] {
    static var souk: Self {
        [
            .enableUpcomingFeature("ExistentialAny"),
            .enableUpcomingFeature("InternalImportsByDefault"),
            .enableUpcomingFeature("MemberImportVisibility"),
        ] + (Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)])
    }
}

extension Target.Dependency {
    static var argumentParser: Self { .product(name: "ArgumentParser", package: "swift-argument-parser") }
    static var deque: Self { .product(name: "DequeModule", package: "swift-collections") }
    static var yams: Self { .product(name: "Yams", package: "Yams") }
    static var nioEmbedded: Self { .product(name: "NIOEmbedded", package: "swift-nio") }
    static var nioHPACK: Self { .product(name: "NIOHPACK", package: "swift-nio-http2") }
    static var nioHTTP2: Self { .product(name: "NIOHTTP2", package: "swift-nio-http2") }
    static var nioSSL: Self { .product(name: "NIOSSL", package: "swift-nio-ssl") }
    static var crypto: Self { .product(name: "Crypto", package: "swift-crypto") }
    static var grpc: Self { .product(name: "GRPCCore", package: "grpc-swift-2") }
    static var grpcInProcess: Self { .product(name: "GRPCInProcessTransport", package: "grpc-swift-2") }
    static var grpcNIO: Self {
        .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport")
    }
    static var grpcProtobuf: Self { .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf") }
    static var protobuf: Self { .product(name: "SwiftProtobuf", package: "swift-protobuf") }
    static var httpClient: Self { .product(name: "AsyncHTTPClient", package: "async-http-client") }
    static var httpTypes: Self { .product(name: "HTTPTypes", package: "swift-http-types") }
    static var hummingbird: Self { .product(name: "Hummingbird", package: "hummingbird") }
    static var jwt: Self { .product(name: "JWTKit", package: "jwt-kit") }
    static var lifecycle: Self { .product(name: "ServiceLifecycle", package: "swift-service-lifecycle") }
    static var logging: Self { .product(name: "Logging", package: "swift-log") }
    static var metrics: Self { .product(name: "Metrics", package: "swift-metrics") }
    static var mustache: Self { .product(name: "Mustache", package: "swift-mustache") }
    static var nio: Self { .product(name: "NIOPosix", package: "swift-nio") }
    static var nioHTTP1: Self { .product(name: "NIOHTTP1", package: "swift-nio") }
    static var tracing: Self { .product(name: "Tracing", package: "swift-distributed-tracing") }
    static var unixSignals: Self { .product(name: "UnixSignals", package: "swift-service-lifecycle") }
}
