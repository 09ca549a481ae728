import RedisClient
import RedisStore
import RedisTesting

extension RedisStoreSettings {
    /// See ``RedisClient/RedisSettings/patient``.
    static var patient: RedisStoreSettings {
        var settings = RedisStoreSettings()
        settings.connections = .patient
        return settings
    }
}
