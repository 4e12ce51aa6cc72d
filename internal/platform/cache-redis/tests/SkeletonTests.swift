import Testing
@testable import SoukCacheRedis
