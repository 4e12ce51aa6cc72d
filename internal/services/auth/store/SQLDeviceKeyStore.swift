import SoukDatabase

/// The key of device tokens in SQL.
struct SQLDeviceKeyStore: DeviceKeyStore {
    let database: any Database

    func deviceKey(_ make: @Sendable () -> [UInt8]) async throws -> [UInt8] {
        let made = make()
        return try await database.transaction(isolation: .readCommitted) { transaction in
            try await transaction.execute(
                "INSERT INTO secrets (name, value) VALUES ('device-tokens', \(made)) ON CONFLICT (name) DO NOTHING"
            )
            let kept = try await transaction.scalar(
                "SELECT value FROM secrets WHERE name = 'device-tokens'", as: [UInt8].self)
            return kept ?? made
        }
    }
}
