/// The configuration in effect, and where each value came from.
struct EffectiveConfiguration: Sendable {
    var settings: Settings
    var sources: [Setting: SettingSource]

    func source(of setting: Setting) -> SettingSource { sources[setting] ?? .standard }

    /// Combines the sources: a flag wins over the environment, the environment over the file.
    ///
    /// `file` is the path of the configuration file if a flag named it; `SIGNET_CONFIG` names it otherwise.
    static func load(
        flags: [Setting: [String]],
        file: String?,
        environment: [String: String],
        readFile: (String) throws(Failure) -> String
    ) throws -> EffectiveConfiguration {
        var given: [Setting: GivenValue] = [:]
        var faults: [String] = []
        var upstreams = ConfiguredUpstreams()
        if let path = file ?? environment[fileVariable].flatMap({ $0.isEmpty ? nil : $0 }) {
            let content = ConfigurationFile(path: path, text: try readFile(path))
            faults += content.faults
            upstreams = content.upstreams
            for setting in Setting.all { given[setting] = content.values[setting.key] }
        }
        for setting in Setting.all {
            // An empty variable counts as unset: compose files and unit files often carry them.
            guard let text = environment[setting.environmentName], !text.isEmpty else { continue }
            let texts =
                setting.shape == .list
                ? text.split(separator: ",").map { String($0.trimmingPrefix { $0 == " " }) } : [text]
            given[setting] = GivenValue(texts: texts, source: .environment(setting.environmentName))
        }
        faults += slips(in: environment)
        for (setting, texts) in flags where !texts.isEmpty {
            if setting.isSecret, texts.contains(where: { StoreAddress($0)?.hasPassword ?? false }) {
                faults.append(
                    "\(setting.flag ?? setting.key): everybody on this machine can read a password on a command line; "
                        + "give the address in \(setting.environmentName) or the file, or the password in PGPASSFILE"
                )
            }
            given[setting] = GivenValue(texts: texts, source: .flag(setting.flag ?? setting.key))
        }
        var reader = SettingsReader(given)
        var settings = Settings(&reader)
        settings.upstreams = upstreams
        faults += reader.faults
        guard faults.isEmpty else { throw ConfigurationError(faults: faults) }
        return EffectiveConfiguration(settings: settings, sources: given.mapValues(\.source))
    }

    static let fileVariable = "SIGNET_CONFIG"

    /// Variables that are nearly one of ours.
    ///
    /// Others with our prefix are left alone: orchestrators make such names of
    /// their own (`SIGNET_PORT`, `SIGNET_SERVICE_HOST` for a service that is called signet).
    private static func slips(in environment: [String: String]) -> [String] {
        let known = Setting.all.map(\.environmentName) + [fileVariable]
        return environment.keys.filter { $0.hasPrefix("SIGNET_") && !known.contains($0) }.sorted().compactMap { name in
            let near = known.min { DidYouMean.distance(name, $0) < DidYouMean.distance(name, $1) }
            guard let near, DidYouMean.distance(name, near) <= 2 else { return nil }
            return "\(name): unknown variable; did you mean \(near)?"
        }
    }
}
