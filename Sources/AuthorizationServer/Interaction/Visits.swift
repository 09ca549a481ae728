package import Instants
package import OAuthVocabulary
import Storage

/// Pages of ours that are only for somebody who is signed in: they wait until the person has done so.
///
/// The sign-in page and its form are those of authorization requests; only where they lead differs.
package struct Visits: Sendable {
    let services: Services

    package init(_ services: Services) { self.services = services }

    private var interactions: Interactions { Interactions(services) }

    /// Who looks at a page, or where to send them so that they sign in and come back.
    package enum Visitor: Sendable {
        case signedIn(SignOn)
        case mustSignIn(EndpointResponse)
    }

    /// The person at this browser.
    ///
    /// - Parameters:
    ///   - path: the page below the issuer that they come back to, by GET.
    ///   - fields: what its address says besides.
    ///   - maximumAge: how long ago they may have proven who they are; `nil` where being signed in is enough.
    package func visitor(
        at path: String,
        fields: [(name: String, value: String)] = [],
        maximumAge: Duration? = nil,
        _ request: EndpointRequest,
        now: Instant
    ) async throws(OAuthError) -> Visitor {
        let signOn = try await Reader(services, now: now).signOn(request.browserSession)
        if let signOn {
            let age = now - signOn.session.authentication.at
            if maximumAge.map({ age <= $0 }) ?? true { return .signedIn(signOn) }
        }
        let id = try await start(
            VisitRecord(
                path: path,
                fields: fields.map { InteractionRecord.Field(name: $0.name, value: $0.value) },
                browserBinding: try binding(request),
                startedAt: now,
                reauthenticating: signOn?.subject,
                mustBeFresh: maximumAge != nil
            ),
            now: now
        )
        return .mustSignIn(.redirect(to: interactions.url("/sign-in", id)))
    }

    /// To the sign-in page, for whoever wants to sign in beside those who are; they come back to `path`.
    package func anotherSignIn(
        at path: String,
        browserBinding: String,
        now: Instant
    ) async throws(OAuthError) -> EndpointResponse {
        let visit = VisitRecord(path: path, fields: [], browserBinding: browserBinding, startedAt: now)
        return .redirect(to: interactions.url("/sign-in", try await start(visit, now: now)))
    }

    private func binding(_ request: EndpointRequest) throws(OAuthError) -> String {
        guard let binding = request.browserBinding else { throw .internalFault("the browser was given no binding") }
        return binding
    }

    private func start(_ visit: VisitRecord, now: Instant) async throws(OAuthError) -> String {
        let id = services.random.text(32)
        let outcome = try await answering { () async throws(StoreError) in
            let record = Record(
                key: VisitRecord.key(id),
                expiresAt: now + services.configuration.interactionLifetime,
                payload: try visit.encoded()
            )
            return try await services.store.apply([.insert(record)], now: now)
        }
        guard case .applied = outcome else { throw .internalFault("two visits drew one identifier") }
        return id
    }

    /// The visit of this name that this browser started; `nil` if there is none, as for an authorization request.
    func open(_ id: String?, browserBinding: String?, now: Instant) async throws(OAuthError) -> OpenVisit? {
        guard let id, let browserBinding,
            let stored = try await Reader(services, now: now).stored(VisitRecord.self, VisitRecord.key(id))
        else { return nil }
        // Another browser's visit is as unknown as one that never was (CVE-2026-7507).
        guard Secret(stored.content.browserBinding) == Secret(browserBinding) else { throw .unknownInteraction }
        guard stored.record.consumedAt == nil else { throw .answeredInteraction }
        return OpenVisit(id: id, stored: stored)
    }

    func signInScreen(_ visit: OpenVisit) -> SignInScreen {
        SignInScreen(
            interaction: visit.id,
            applicationName: nil,
            loginHint: nil,
            reauthenticating: visit.record.reauthenticating,
            mustBeFresh: visit.record.mustBeFresh ?? false,
            uiLocales: [],
            redirectOrigin: nil,
            formToken: interactions.formToken(
                .signIn,
                interaction: visit.id,
                browserBinding: visit.record.browserBinding
            )
        )
    }

    /// Back to the page, once somebody has signed in since the visit began; until then, to the sign-in page.
    func resume(_ visit: OpenVisit, _ request: EndpointRequest, now: Instant) async throws(OAuthError)
        -> EndpointResponse
    {
        guard let session = request.browserSession, session.authentication.at >= visit.record.startedAt else {
            return .redirect(to: interactions.url("/sign-in", visit.id))
        }
        try await spend(visit, now: now)
        return .redirect(to: address(of: visit))
    }

    /// Gives the visit up.
    func cancel(_ visit: OpenVisit, _ request: EndpointRequest, now: Instant) async throws(OAuthError)
        -> EndpointResponse
    {
        try interactions.checkFormToken(
            request.parameters[InteractionField.formToken],
            .signIn,
            interaction: visit.id,
            browserBinding: visit.record.browserBinding
        )
        try await spend(visit, now: now)
        return .redirect(to: services.configuration.url("/"))
    }

    private func address(of visit: OpenVisit) -> String {
        let page = services.configuration.url(visit.record.path)
        let fields = visit.record.fields.map { (name: $0.name, value: $0.value) }
        return fields.isEmpty ? page : FormEncoding.appending(fields, to: page)
    }

    private func spend(_ visit: OpenVisit, now: Instant) async throws(OAuthError) {
        let outcome = try await answering { () async throws(StoreError) in
            try await services.store.apply([.consume(visit.stored.record.key)], now: now)
        }
        guard case .applied = outcome else { throw .answeredInteraction }
    }
}

extension Services {
    package var visits: Visits { Visits(self) }
}
