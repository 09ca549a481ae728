import OAuthVocabulary
import ServerHTTP

/// What is printed once the server listens: what a person needs next.
struct Banner: Sendable {
    let plan: ServePlan
    let folder: DataFolder
    let demo: DemoRecords?

    func show(on console: Console, listening: ListenAddress) {
        let issuer = plan.issuer.value
        console.say()
        console.say(
            console.strong("Signet \(Version.number)") + (demo == nil ? "" : ", for development: known passwords")
        )
        console.say()
        var card = Card()
        card.add("issuer", issuer)
        card.add("discovery", issuer + "/.well-known/openid-configuration")
        card.add("account page", issuer + "/account")
        card.add("listening on", "\(listening)" + (plan.settings.tlsCertificate == nil ? "" : " (TLS)"))
        card.add("data", folder.path)
        if let demo {
            card.add("demo app", demo.configuration.applicationOrigin)
            card.add("sign in", "username \(DemoRecords.username), password \(DemoRecords.password)")
        }
        card.show(on: console, indent: "  ")
        if let demo { showNext(demo, on: console) }
        console.say()
        console.say("Ctrl-C stops it.")
    }

    private func showNext(_ demo: DemoRecords, on console: Console) {
        console.say()
        console.say("Try next: open the demo app in a browser, or get a token for a service:")
        console.say()
        console.say("  curl -u '\(DemoRecords.serviceID):\(demo.serviceSecret.exposed)' \\")
        console.say("    -d grant_type=client_credentials -d scope=\(DemoConfiguration.ordersScope) \\")
        console.say("    \(plan.issuer.value)/token")
        console.say()
        console.say("or sign this command line in: signet login --issuer \(plan.issuer.value)")
    }
}
