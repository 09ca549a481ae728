package import IssuerConnection

/// Where the metadata of an issuer come from.
package enum MetadataSource: Sendable {
    /// From the issuer's well-known address, under its own name.
    case discovered
    /// From there as well, for many tenants whose issuers differ.
    case templated(IssuerTemplate)
    /// From whoever wrote them down: the issuer publishes none.
    case known(IssuerMetadata)

    var template: IssuerTemplate? {
        guard case .templated(let template) = self else { return nil }
        return template
    }
}

/// An issuer with a place for the tenant, as the `common` and `organizations` endpoints of Microsoft call themselves:
/// `https://login.microsoftonline.com/{tenantid}/v2.0`.
///
/// The tokens name the issuer of one tenant. Which one may come is decided by replacing the place with the token's own
/// `tid` and comparing octets; a pattern that matches more would let anybody's tenant speak for any other.
package struct IssuerTemplate: Hashable, Sendable {
    /// What stands where the tenant belongs.
    static let place = "{tenantid}"

    /// The issuer as the metadata call it.
    package let text: String
    private let head: String
    private let tail: String
    private let tenants: Set<String>

    /// A template.
    ///
    /// - Parameter tenants: the tenants that may come; empty for every one.
    package init?(_ text: String, tenants: Set<String> = []) {
        guard let range = text.firstRange(of: Self.place), tenants.allSatisfy(Self.isTenant) else { return nil }
        self.text = text
        head = String(text[..<range.lowerBound])
        tail = String(text[range.upperBound...])
        self.tenants = tenants
    }

    /// The tenant whose issuer this is; `nil` where it is none's.
    func tenant(of issuer: String) -> String? {
        let bytes = issuer.utf8
        guard bytes.starts(with: head.utf8), bytes.count == head.utf8.count + 36 + tail.utf8.count else { return nil }
        let tenant = String(decoding: bytes.dropFirst(head.utf8.count).prefix(36), as: UTF8.self)
        guard Self.isTenant(tenant), bytes.elementsEqual("\(head)\(tenant)\(tail)".utf8) else { return nil }
        return tenant
    }

    /// Whether somebody of this tenant may come.
    func admits(_ tenant: String) -> Bool { tenants.isEmpty || tenants.contains(tenant) }

    /// Whether a key that is said to be `owner`'s may sign for `issuer`: its own, or the template's for every tenant.
    func covers(_ owner: String, _ issuer: String) -> Bool {
        owner.utf8.elementsEqual(text.utf8) || owner.utf8.elementsEqual(issuer.utf8)
    }

    /// A GUID as Microsoft writes it: lower case, with hyphens.
    package static func isTenant(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 36 else { return false }
        return bytes.indices.allSatisfy { index in
            [8, 13, 18, 23].contains(index)
                ? bytes[index] == 0x2D : (0x30...0x39).contains(bytes[index]) || (0x61...0x66).contains(bytes[index])
        }
    }
}
