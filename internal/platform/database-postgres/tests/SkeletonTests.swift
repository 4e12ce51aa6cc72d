import Testing
@testable import SoukDatabasePostgres
