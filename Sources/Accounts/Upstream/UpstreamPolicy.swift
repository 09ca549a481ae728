package import OAuthVocabulary

/// What the operator decided about the people of one provider.
package struct UpstreamRules: Hashable, Sendable {
    /// Whether somebody whom nobody here knows gets an account.
    package enum SignUp: Hashable, Sendable {
        case allowed
        case refused
    }

    /// By what somebody shows that they belong to a domain.
    package enum DomainEvidence: Hashable, Sendable {
        /// By an e-mail address that the provider says is verified.
        case verifiedEmail
        /// By the domain for which the provider runs the account (Google's `hd`): an address alone may be anybody's.
        case hostedDomain
    }

    package var signUp: SignUp
    /// The only domains from which people may come; empty for all.
    package var allowedDomains: Set<String>
    /// The domains for whose addresses the provider is the authority, so that its word joins accounts.
    package var authoritativeDomains: Set<String>
    package var evidence: DomainEvidence

    package init(
        signUp: SignUp = .refused,
        allowedDomains: Set<String> = [],
        authoritativeDomains: Set<String> = [],
        evidence: DomainEvidence = .verifiedEmail
    ) {
        self.signUp = signUp
        self.allowedDomains = Set(allowedDomains.map { $0.foldingASCIICase() })
        self.authoritativeDomains = Set(authoritativeDomains.map { $0.foldingASCIICase() })
        self.evidence = evidence
    }
}

/// Why somebody who signed in at a provider does not get in here.
package enum UpstreamRefusal: Hashable, Sendable {
    /// The operator lets only people of certain domains in.
    case domainNotAllowed
    /// Nobody here is linked to this identity, and accounts are not made for newcomers.
    case noAccount
    /// Somebody here has proven the address to be theirs: they sign in as before, and link.
    case addressInUse
    /// The account here is closed.
    case disabled
    /// The identity is another person's here.
    case linkedToAnother
    /// The person has as many links as a person may have.
    case tooManyLinks
}

/// Everything on which the decision rests.
package struct UpstreamSituation: Sendable {
    package var profile: UpstreamProfile
    /// The link of this identity, if there is one, and the person whom it names, if there still is.
    package var link: UpstreamLink?
    package var linked: Person?
    /// Whoever has the address on record.
    package var holder: Person?

    package init(profile: UpstreamProfile, link: UpstreamLink? = nil, linked: Person? = nil, holder: Person? = nil) {
        self.profile = profile
        self.link = link
        self.linked = linked
        self.holder = holder
    }
}

/// What happens with somebody who signed in at a provider.
package enum UpstreamVerdict: Hashable, Sendable {
    /// They are this person.
    case signIn(Subject)
    /// They are joined to this person, whose verified address the provider is the authority for, and are that person.
    case join(Subject)
    /// They get an account.
    case create(Address)
    case refuse(UpstreamRefusal)

    /// The e-mail address of a new account.
    package enum Address: Hashable, Sendable {
        /// The one that the provider vouches for.
        case taken
        /// The same, and whoever had it without ever proving it has it no longer.
        case takenFrom(Subject)
        /// None: nobody vouches for it, or somebody who never proved it has it.
        case none
    }
}

/// The rules by which somebody at a provider becomes a person here: a function over values.
///
/// What joins an identity to an existing account without that account's own sign-in is exactly one rule, off unless the
/// operator names a domain: the provider is the authority for the domain of the address, says that it verified the address,
/// and the account has proven the address too, by more than a provider's word. A claim alone joins nothing (nOAuth), and neither does an address that
/// somebody put on record before its owner came (pre-hijacking).
package enum UpstreamPolicy {
    package static func decide(_ situation: UpstreamSituation, _ rules: UpstreamRules) -> UpstreamVerdict {
        let profile = situation.profile
        // At every sign-in and not at the first only: who left the domain stays out.
        guard isAllowed(profile, rules) else { return .refuse(.domainNotAllowed) }
        if let link = situation.link, let person = situation.linked {
            return person.status == .enabled ? .signIn(link.subject) : .refuse(.disabled)
        }
        let isAuthority = isAuthority(for: profile, rules)
        if let holder = situation.holder, holder.emailVerified, isAuthority, holder.origin != .demo {
            guard holder.status == .enabled else { return .refuse(.disabled) }
            // An account that another provider's word made proves nothing about its address: whoever made it may have had
            // the mailbox before its owner (pre-hijacking). The authority takes the address from it and joins nobody.
            guard holder.origin == .upstream else { return .join(holder.subject) }
            return rules.signUp == .allowed ? .create(.takenFrom(holder.subject)) : .refuse(.noAccount)
        }
        // One answer whether or not somebody has the address: a stranger's claim must not ask who has an account.
        guard rules.signUp == .allowed else { return .refuse(.noAccount) }
        guard profile.emailVerification == .verified, profile.email != nil else { return .create(.none) }
        guard let holder = situation.holder else { return .create(.taken) }
        if holder.emailVerified { return .refuse(.addressInUse) }
        // An address that was never proven is nobody's. Only the authority for it may give it to its owner; on any other
        // provider's word a stranger could strip addresses.
        return .create(isAuthority ? .takenFrom(holder.subject) : .none)
    }

    /// Whether a person who is signed in may have this identity linked to their account.
    package static func mayLink(
        _ situation: UpstreamSituation,
        to subject: Subject,
        _ rules: UpstreamRules
    ) -> UpstreamRefusal? {
        guard isAllowed(situation.profile, rules) else { return .domainNotAllowed }
        guard situation.link == nil || situation.linked == nil || situation.linked?.subject == subject else {
            return .linkedToAnother
        }
        return nil
    }

    private static func isAllowed(_ profile: UpstreamProfile, _ rules: UpstreamRules) -> Bool {
        guard !rules.allowedDomains.isEmpty else { return true }
        let domain =
            switch rules.evidence {
            case .verifiedEmail: profile.verifiedDomain
            case .hostedDomain: profile.hostedDomain?.foldingASCIICase()
            }
        return domain.map(rules.allowedDomains.contains) ?? false
    }

    private static func isAuthority(for profile: UpstreamProfile, _ rules: UpstreamRules) -> Bool {
        guard let domain = profile.verifiedDomain, rules.authoritativeDomains.contains(domain) else { return false }
        switch rules.evidence {
        case .verifiedEmail: return true
        // Google is the authority for its own mail and for the domains that it hosts; any other address was verified once.
        case .hostedDomain: return domain == "gmail.com" || profile.hostedDomain?.foldingASCIICase() == domain
        }
    }
}
