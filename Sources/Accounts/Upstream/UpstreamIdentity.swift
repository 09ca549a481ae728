// Room: people who come from another provider ("log in with somebody else"). Who they are there (OIDC Core §2 `sub`, §5.7),
// which person here that is, and the rules by which the two are joined. Stores `upstream-link` records, named by the hash of
// provider, issuer and upstream subject.

import OAuthVocabulary

/// What an operator calls an upstream provider; it stands in addresses.
package struct UpstreamName: Hashable, Sendable, CustomStringConvertible {
    package let value: String

    /// 1 to 32 lower-case letters, digits and hyphens, the first one a letter.
    package init?(_ text: String) {
        let bytes = text.utf8
        guard (1...32).contains(bytes.count), let first = bytes.first, (0x61...0x7A).contains(first),
            bytes.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D })
        else { return nil }
        value = text
    }

    package var description: String { value }
}

/// Who somebody is at a provider: the issuer and the subject together, and never an address (OIDC Core §5.7: only "sub and
/// iss" are "used together" as an identifier that stays; an e-mail address changes hands, as nOAuth showed).
package struct UpstreamIdentity: Hashable, Sendable {
    /// The longest subject: OIDC Core §2 has 255 characters.
    static let longestSubject = 255
    static let longestIssuer = 2048

    package let provider: UpstreamName
    /// Byte for byte as its tokens say; of a provider with tenants, that of the tenant.
    package let issuer: String
    package let subject: String

    /// `nil` for an empty or over-long subject, and for one that is not printable.
    package init?(provider: UpstreamName, issuer: String, subject: String) {
        guard (1...Self.longestSubject).contains(subject.utf8.count),
            (1...Self.longestIssuer).contains(issuer.utf8.count),
            subject.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }), issuer.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return nil }
        self.provider = provider
        self.issuer = issuer
        self.subject = subject
    }
}

/// What a provider says of somebody who has just signed in there.
package struct UpstreamProfile: Hashable, Sendable {
    package let identity: UpstreamIdentity
    package var name: String?
    /// An address in the form that people have on record; one that cannot be one is left out.
    package private(set) var email: String?
    package private(set) var emailVerification: EmailVerification = .unverified
    /// The domain for which the provider says that the account is run, such as Google's `hd`.
    package var hostedDomain: String?
    /// The groups that the provider's claim names; `nil` where no claim was mapped.
    package var groups: [String]?

    package init(identity: UpstreamIdentity) { self.identity = identity }

    /// Takes an address over if it can be one.
    package mutating func setEmail(_ address: String?, _ verification: EmailVerification) {
        guard let address, EmailAddress.isAcceptable(address) else { return }
        email = address
        emailVerification = verification
    }

    /// The domain of the address, in lower case, if the provider vouches for the address.
    var verifiedDomain: String? {
        guard let email, emailVerification == .verified, let at = email.lastIndex(of: "@") else { return nil }
        return String(email[email.index(after: at)...]).foldingASCIICase()
    }
}
