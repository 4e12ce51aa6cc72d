package import SoukCache
import SoukIDs

/// What every cache has to do, as cases for a parameterised test: each backend's test target runs ``allCases`` against
/// its fixture.
package enum CacheContract {
    /// Access to one backend.
    package struct Fixture: Sendable {
        /// A cache of its own; several opened may share what they hold.
        package let open: @Sendable () async throws -> any Cache
        /// Lets so much of the cache's time pass.
        package let elapse: @Sendable (Duration) async throws -> Void
        /// How many times as long the times of the cases are, for caches on real time and busy machines.
        package let pace: Int

        package init(
            open: @escaping @Sendable () async throws -> any Cache,
            elapse: @escaping @Sendable (Duration) async throws -> Void, pace: Int = 1
        ) {
            self.open = open
            self.pace = pace
            self.elapse = elapse
        }
    }

    /// One promise.
    package struct Case: Sendable, CustomStringConvertible {
        package let description: String
        let body: @Sendable (any Cache, Fixture) async throws -> Void

        init(_ description: String, _ body: @escaping @Sendable (any Cache, Fixture) async throws -> Void) {
            self.description = description
            self.body = body
        }

        /// - Throws: ``Violation`` saying what was broken, or the backend's own error.
        package func run(on fixture: Fixture) async throws {
            let cache = try await fixture.open()
            do {
                try await body(cache, fixture)
            } catch {
                await cache.close()
                throw error
            }
            await cache.close()
        }
    }

    /// A broken promise.
    package struct Violation: Error, CustomStringConvertible {
        package let description: String
    }

    package static var allCases: [Case] {
        valueCases + counterCases + limitCases + channelCases + lifecycleCases
    }

    // MARK: - Tools of the cases

    static func expect(_ condition: Bool, _ message: @autoclosure () -> String) throws(Violation) {
        if !condition { throw Violation(description: message()) }
    }

    static func expectEqual<T: Equatable>(_ actual: T, _ expected: T, _ what: String) throws(Violation) {
        try expect(actual == expected, "\(what): \(actual) instead of \(expected)")
    }

    static func expectInvalid(_ what: String, _ body: () async throws(CacheError) -> Void) async throws {
        do throws(CacheError) {
            try await body()
        } catch {
            if case .invalidArgument = error { return }
            throw error
        }
        throw Violation(description: "\(what) was taken")
    }

    /// A key that no other case uses, on a shared server too.
    static func unique(_ name: String) -> String { "contract:\(name):\(ID<Case>())" }

    static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
}
