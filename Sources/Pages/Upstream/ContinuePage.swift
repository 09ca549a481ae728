// Upstream: the pages around a sign-in at another provider: on the way there and back, what went wrong, and the accounts that
// are linked. OIDC Core §3.1.2.1. Stores nothing.

/// Takes the browser on by itself, without a script.
///
/// A redirect would do, but browsers apply a form's `form-action` to all redirects that follow it, and a provider goes through
/// hosts that nobody can list. A page in between ends that chain.
package struct ContinuePage: Page {
    package enum Destination: Hashable, Sendable {
        /// To the provider of this name.
        case provider(String)
        /// Back to what the person came for.
        case back
    }

    package var destination: Destination
    package var address: String

    package init(to destination: Destination, address: String) {
        self.destination = destination
        self.address = address
    }

    package func html(texts: Texts, basePath: String) -> [UInt8] {
        let words = texts.upstream
        let lead =
            switch destination {
            case .provider(let name): words.toProvider.filled(["provider": name])
            case .back: words.back.filled()
            }
        return Templates.page(
            "continue",
            title: words.continueTitle,
            texts: texts,
            basePath: basePath,
            values: ["lead": lead, "address": Link.target(address)]
        )
    }
}
