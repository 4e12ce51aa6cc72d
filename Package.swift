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
    targets: clibs + platform + marketplace + services + composition + commands
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

// MARK: - Platform: knows nothing of shopping

var platform: [Target] {
    module("SoukTime", "internal/platform/time", testing: ["SoukTesting"])
        + module("SoukText", "internal/platform/text", testing: ["SoukTesting"])
        + module("SoukTemplates", "internal/platform/templates", ["SoukText", .mustache])
        + module("SoukErrors", "internal/platform/errors")
        + module("SoukSupervisor", "internal/platform/supervisor", ["CProcess"])
        + module("SoukIDs", "internal/platform/ids", ["SoukText", .crypto], testing: ["SoukTesting"])
        + module("SoukMoney", "internal/platform/money", ["SoukErrors"], testing: ["SoukTesting"])
        + module(
            "SoukPagination", "internal/platform/pagination", ["SoukErrors", "SoukText"],
            testing: ["SoukTesting"])
        + module("SoukCallContext", "internal/platform/call-context", ["SoukErrors", "SoukIDs"])
        + module("SoukEnv", "internal/platform/env", ["SoukText"])
        + module("SoukLogger", "internal/platform/logger", ["SoukText", .logging, .tracing])
        + module(
            "SoukObservability", "internal/platform/observability",
            ["SoukText", .logging, .metrics, .tracing])
        + module(
            "SoukAPI", "internal/platform/api",
            ["SoukErrors", "SoukIDs", "SoukMoney", "SoukPagination", "SoukText", "SoukTime"])
        + module(
            "SoukAuthToken", "internal/platform/auth-token",
            ["SoukCallContext", "SoukErrors", "SoukIDs", "SoukText", "SoukTime", .crypto, .jwt],
            testing: ["SoukTesting"])
        + module(
            "SoukCloudEvents", "internal/platform/cloud-events",
            ["SoukErrors", "SoukIDs", "SoukText", "SoukTime"])
        + module(
            "SoukDatabase", "internal/platform/database",
            ["SoukErrors", "SoukIDs", "SoukText", "SoukTime", .crypto, .logging], testing: ["SoukTesting"])
        + module(
            "SoukDatabaseSQLite", "internal/platform/database-sqlite",
            ["CSQLite", "SoukDatabase", "SoukErrors", "SoukText", .logging, .nio],
            testing: ["SoukTesting", "SoukIDs", "SoukTime"])
        + module(
            "SoukDatabasePostgres", "internal/platform/database-postgres",
            ["CPQ", "SoukDatabase", "SoukText", "SoukTime", .logging], testing: ["SoukErrors", "SoukTesting"])
        + module(
            "SoukCache", "internal/platform/cache",
            ["SoukErrors", "SoukText", "SoukTime", .crypto, .logging],
            testing: ["SoukTesting"])
        + module(
            "SoukCacheRedis", "internal/platform/cache-redis",
            ["CHiredis", "SoukCache", "SoukEnv", "SoukText", .crypto, .logging],
            testing: ["SoukErrors", "SoukTesting"])
        + module("SoukBroker", "internal/platform/broker", ["SoukErrors"])
        + module(
            "SoukBrokerEmbedded", "internal/platform/broker-embedded",
            ["SoukBroker", "SoukDatabase", "SoukDatabaseSQLite", "SoukErrors", "SoukTime", .logging],
            testing: ["SoukTesting"])
        + module(
            "SoukBrokerKafka", "internal/platform/broker-kafka",
            ["CRDKafka", "SoukBroker", "SoukEnv", "SoukText", .logging, .metrics, .nio],
            testing: ["SoukIDs", "SoukTesting"], exclude: ["testing"])
        + module(
            "SoukBrokerRabbitMQ", "internal/platform/broker-rabbitmq",
            ["CRabbitMQ", "SoukBroker", "SoukErrors", "SoukText", .logging],
            testing: ["SoukTesting"])
        + module(
            "SoukEventsRuntime", "internal/platform/events-runtime",
            [
                "SoukBroker", "SoukCallContext", "SoukCloudEvents", "SoukDatabase", "SoukErrors", "SoukIDs",
                "SoukPagination", "SoukText", "SoukTime", .lifecycle, .logging, .metrics, .tracing,
            ],
            testing: [
                "SoukBrokerEmbedded", "SoukBrokerKafka", "SoukBrokerRabbitMQ", "SoukObservability",
                "SoukTesting",
            ])
        + module("SoukHTTPWire", "internal/platform/http-wire", [.nio], testing: ["SoukTesting"])
        + module(
            "SoukHTTP", "internal/platform/http",
            [
                "SoukAPI", "SoukAuthToken", "SoukCallContext", "SoukDatabase", "SoukErrors", "SoukIDs",
                "SoukObservability", "SoukPagination", "SoukText", "SoukTime", .crypto, .hummingbird,
                .httpTypes,
                .logging,
                .metrics, .nio, .nioHTTP1, .tracing,
            ],
            testing: ["SoukTesting", "SoukHTTPTesting", "SoukDatabaseSQLite", "SoukLogger", "SoukMoney"])
        + module(
            "SoukService", "internal/platform/service",
            [
                "CMalloc", "SoukAPI", "SoukAuthToken", "SoukBroker", "SoukCallContext", "SoukDatabase",
                "SoukEnv",
                "SoukErrors", "SoukEventsRuntime", "SoukHTTP", "SoukLogger", "SoukObservability",
                "SoukPagination", "SoukSupervisor",
                "SoukTime", .hummingbird, .httpTypes, .lifecycle, .logging, .metrics, .nio, .nioHTTP1,
                .tracing, .argumentParser, .unixSignals,
            ],
            testing: ["SoukBrokerEmbedded", "SoukHTTPTesting", "SoukIDs", "SoukTesting"])
        + module(
            "SoukGuards", "internal/platform/guards",
            [
                "SoukAuthToken", "SoukCache", "SoukCallContext", "SoukErrors", "SoukHTTP", "SoukIDs",
                "SoukText", "SoukTime", .httpClient, .lifecycle, .logging, .nio,
            ],
            testing: ["SoukCacheRedis", "SoukTesting", "SoukHTTPTesting", .hummingbird])
        + module(
            "SoukRPCRuntime", "internal/platform/rpc-runtime",
            [
                "SoukAuthToken", "SoukCallContext", "SoukEnv", "SoukErrors", "SoukIDs", "SoukMoney",
                "SoukProto", "SoukText", "SoukTime", .crypto, .grpc, .grpcNIO, .jwt, .lifecycle, .logging,
                .metrics, .nio,
                .protobuf, .tracing,
            ],
            testing: ["SoukObservability", "SoukTesting", .grpcInProcess, .grpcProtobuf])
        + module(
            "SoukEventsRPC", "internal/platform/events-rpc",
            [
                "SoukBroker", "SoukCallContext", "SoukErrors", "SoukEventsRuntime", "SoukPagination",
                "SoukProto", "SoukRPCRuntime", "SoukTime", .grpc, .grpcProtobuf, .protobuf,
            ],
            testing: [
                "SoukAuthToken", "SoukBrokerEmbedded", "SoukDatabase", "SoukHTTPTesting", "SoukIDs",
                "SoukRPCTesting",
                "SoukTesting", .grpcInProcess,
            ])
        + module(
            "SoukProcess", "internal/platform/process",
            [
                "SoukAuthToken", "SoukBroker", "SoukBrokerKafka", "SoukBrokerRabbitMQ",
                "SoukCache", "SoukCacheRedis", "SoukCallContext", "SoukDatabase", "SoukDatabasePostgres",
                "SoukEnv", "SoukErrors", "SoukEventsRPC", "SoukEventsRuntime", "SoukGuards", "SoukHTTP",
                "SoukIDs", "SoukLogger", "SoukObservability", "SoukRPCRuntime", "SoukService",
                "SoukSupervisor", "SoukText", "SoukTime",
                .argumentParser, .grpcNIO, .hummingbird, .lifecycle, .logging, .nio,
            ],
            testing: ["SoukTesting"])
        + [
            .executableTarget(
                name: "mock-kafka", dependencies: ["CRDKafka", .argumentParser],
                path: "internal/platform/broker-kafka/testing", swiftSettings: .souk),
            .executableTarget(
                name: "souk-bench",
                dependencies: [
                    "SoukAuthToken", "SoukBroker", "SoukBrokerKafka", "SoukBrokerRabbitMQ", "SoukCache",
                    "SoukCacheRedis", "SoukCallContext", "SoukCloudEvents", "SoukDatabase",
                    "SoukDatabasePostgres", "SoukEnv", "SoukEventsRuntime", "SoukIDs", "SoukTime",
                    .argumentParser, .lifecycle, .logging,
                ],
                path: "internal/platform/benchmarks", swiftSettings: .souk),
            .executableTarget(
                name: "souk-fuzz", dependencies: [.argumentParser], path: "internal/platform/fuzz",
                swiftSettings: .souk),
            library(
                "SoukProto", "proto", [.grpc, .grpcProtobuf, .protobuf],
                exclude: ["souk", "grpc", "buf.yaml", "contract.txtpb", "checksums.txt"]),
            library(
                "SoukTesting", "internal/platform/testing",
                [
                    "SoukBroker", "SoukBrokerEmbedded", "SoukCache", "SoukDatabase", "SoukDatabasePostgres",
                    "SoukDatabaseSQLite", "SoukErrors", "SoukIDs", "SoukTime",
                ]),
            library(
                "SoukRPCTesting", "internal/platform/rpc-testing",
                [
                    "SoukAuthToken", "SoukEnv", "SoukRPCRuntime", .grpc, .grpcInProcess, .grpcNIO, .jwt,
                    .lifecycle,
                ]),
            library(
                "SoukHTTPTesting", "internal/platform/http-testing",
                [
                    "SoukAuthToken", "SoukCallContext", "SoukHTTP", "SoukIDs", "SoukText", .hummingbird,
                    .httpTypes,
                    .logging, .nio,
                ]),
        ]
}

// MARK: - What services agree on

var marketplace: [Target] {
    module("SoukIdentifiers", "internal/identifiers", ["SoukIDs"], tested: false)
        + module(
            "SoukEvents", "internal/events",
            ["SoukCloudEvents", "SoukIdentifiers", "SoukIDs", "SoukMoney", "SoukTime"])
}

// MARK: - Services

var services: [Target] {
    kernel("SoukAuthKernel", "internal/services/auth/kernel")
        + kernel("SoukProductKernel", "internal/services/product/kernel")
        + kernel("SoukVendorKernel", "internal/services/vendor/kernel")
        + kernel("SoukPaymentKernel", "internal/services/payment/kernel")
        + service(
            "SoukAuth", "internal/services/auth", kernel: true, ["CArgon2", "CZlib", "SoukAuthKernel"],
            testing: ["SoukProto", .protobuf])
        + module(
            "SoukAuthGuard", "internal/services/auth-guard",
            [
                "SoukAuthKernel", "SoukCache", "SoukDatabase", "SoukEvents", "SoukEventsRuntime",
                "SoukGuards", "SoukIDs",
                "SoukTime",
            ],
            testing: [
                "SoukAuthToken", "SoukCallContext", "SoukCloudEvents", "SoukDatabaseSQLite", "SoukTesting",
            ])
        + rpc("SoukAuthRPC", "internal/services/auth/rpc", kernel: "SoukAuthKernel")
        + rpc("SoukProductRPC", "internal/services/product/rpc", kernel: "SoukProductKernel")
        + rpc("SoukVendorRPC", "internal/services/vendor/rpc", kernel: "SoukVendorKernel")
        + rpc("SoukPaymentRPC", "internal/services/payment/rpc", kernel: "SoukPaymentKernel")
        + service(
            "SoukProduct", "internal/services/product", kernel: true,
            ["SoukProductKernel", "SoukVendorKernel"])
        + service("SoukVendor", "internal/services/vendor", kernel: true, ["SoukVendorKernel"])
        + service(
            "SoukOrder", "internal/services/order",
            ["SoukPaymentKernel", "SoukProductKernel", "SoukVendorKernel"])
        + service(
            "SoukPayment", "internal/services/payment", kernel: true,
            ["SoukPaymentKernel", "SoukVendorKernel"])
        + service(
            "SoukPaymentSandbox", "internal/services/payment-sandbox",
            ["SoukPayment", "SoukPaymentKernel", "SoukTemplates", .httpClient])
        + service(
            "SoukNotification", "internal/services/notification",
            ["SoukAuthKernel", "SoukTemplates", "SoukVendorKernel", .mustache])
        + service(
            "SoukGateway", "internal/services/gateway",
            [
                "CZlib", "SoukHTTPWire", "SoukSupervisor", .deque, .httpClient, .nioHPACK, .nioHTTP1,
                .nioHTTP2, .nioSSL,
                .unixSignals,
                .yams,
            ],
            testing: ["SoukRPCRuntime", "SoukTesting", .nioEmbedded])
}

// MARK: - What the services' processes share

var composition: [Target] {
    [
        library(
            "SoukComposition", "internal/composition",
            [
                "SoukAuthGuard", "SoukAuthRPC", "SoukEnv", "SoukEvents", "SoukGuards", "SoukProcess",
                .grpcNIO,
            ])
    ]
}

// MARK: - Executables

var commands: [Target] {
    [
        .executableTarget(
            name: "souk",
            dependencies: .serviceFoundation + [
                "SoukAuth", "SoukAuthGuard", "SoukAuthKernel", "SoukBrokerEmbedded", "SoukDatabaseSQLite",
                "SoukGateway",
                "SoukNotification", "SoukOrder", "SoukPayment", "SoukPaymentKernel", "SoukPaymentSandbox",
                "SoukProduct", "SoukProductKernel", "SoukSupervisor", "SoukVendor", "SoukVendorKernel",
                .argumentParser,
            ],
            path: "cmd/souk", exclude: ["tests"], swiftSettings: .souk),
        process("gateway", ["SoukEventsRPC", "SoukGateway"], exclude: ["tests"]),
        process("auth-service", ["SoukAuth", "SoukAuthToken"]),
        process(
            "product-service",
            ["SoukProduct", "SoukProductKernel", "SoukProductRPC", "SoukVendorKernel", "SoukVendorRPC"]),
        process("vendor-service", ["SoukVendor", "SoukVendorKernel", "SoukVendorRPC"]),
        process(
            "order-service",
            [
                "SoukOrder", "SoukPaymentKernel", "SoukPaymentRPC", "SoukProductKernel", "SoukProductRPC",
                "SoukVendorKernel", "SoukVendorRPC",
            ]),
        process(
            "payment-service",
            [
                "SoukPayment", "SoukPaymentKernel", "SoukPaymentRPC", "SoukPaymentSandbox",
                "SoukVendorKernel", "SoukVendorRPC",
            ]),
        process("notification-service", ["SoukNotification"]),
        .executableTarget(
            name: "soukctl", dependencies: ["SoukText", .argumentParser, .httpClient],
            path: "cmd/soukctl", swiftSettings: .souk),
    ]
}

// MARK: - Kinds of target

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
func kernel(_ name: String, _ path: String) -> [Target] {
    module(
        name, path,
        [
            "SoukCallContext", "SoukErrors", "SoukIdentifiers", "SoukIDs", "SoukMoney", "SoukPagination",
            "SoukTime",
        ],
        tested: false)
}

/// A service; its kernel, where peers call it, lies in the same folder as a target of its own.
func service(
    _ name: String, _ path: String, kernel: Bool = false, _ dependencies: [Target.Dependency],
    testing: [Target.Dependency] = []
) -> [Target] {
    module(
        name, path, .serviceFoundation + dependencies,
        testing: ["SoukTesting", "SoukHTTPTesting", "SoukDatabaseSQLite"] + testing
            + (kernel
                ? [
                    .byName(name: "\(name)RPC"), "SoukRPCRuntime", "SoukRPCTesting", .grpc, .grpcInProcess,
                    .grpcNIO,
                ] : []),
        exclude: kernel ? ["kernel", "rpc"] : [])
}

/// A service's kernel over gRPC: what serves it and what calls it.
func rpc(_ name: String, _ path: String, kernel: String) -> [Target] {
    module(
        name, path,
        [
            .byName(name: kernel), "SoukCallContext", "SoukErrors", "SoukIdentifiers", "SoukIDs",
            "SoukMoney", "SoukPagination", "SoukProto", "SoukRPCRuntime", "SoukText", "SoukTime", .grpc,
            .grpcProtobuf,
            .protobuf,
        ],
        testing: ["SoukTesting", .grpcInProcess])
}

/// An executable that runs one service.
func process(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .executableTarget(
        name: name,
        dependencies: dependencies + [
            "SoukAuthGuard", "SoukAuthRPC", "SoukComposition", "SoukEnv", "SoukEvents", "SoukGuards",
            "SoukProcess",
            "SoukRPCRuntime",
        ],
        path: "cmd/\(name)", exclude: exclude, swiftSettings: .souk)
}

extension [Target.Dependency] {
    /// The modules that any service may use.
    static var serviceFoundation: Self {
        [
            "SoukAPI", "SoukAuthToken", "SoukBroker", "SoukCache", "SoukCallContext", "SoukCloudEvents",
            "SoukDatabase", "SoukEnv", "SoukErrors", "SoukEvents", "SoukEventsRuntime", "SoukGuards",
            "SoukHTTP", "SoukIDs", "SoukIdentifiers",
            "SoukLogger", "SoukMoney", "SoukObservability", "SoukPagination", "SoukService", "SoukText",
            "SoukTime", .crypto,
            .hummingbird, .httpTypes, .lifecycle, .logging, .metrics, .nio, .tracing,
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
