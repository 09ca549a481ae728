// Room: everything that has no RFC of its own but that every feature uses: requests and answers as values, time,
// randomness, limits, cryptography at arm's length, record payloads, and the Feature seam. Stores nothing itself.

package import JOSE
package import OAuthVocabulary
package import Storage

/// One thing that the server can do.
///
/// A feature contributes grants, endpoints, metadata members and the kinds of record that it stores; nothing else in
/// the house knows that it exists.
package protocol Feature: Sendable {
    func contribute(to assembly: inout Assembly)
}

/// What all features together contribute.
///
/// Two features that claim the same word are a fault at start-up.
package struct Assembly: Sendable {
    package private(set) var grants: [GrantType: any Grant] = [:]
    package private(set) var endpoints: [any Endpoint] = []
    /// Members of the discovery document in the order in which they were contributed.
    package private(set) var metadata: [(name: String, value: JSON)] = []
    package private(set) var recordKinds: Set<RecordKind> = []
    package private(set) var faults: [String] = []
    package let configuration: ProviderConfiguration

    package init(_ features: [any Feature], configuration: ProviderConfiguration) throws(AssemblyError) {
        self.configuration = configuration
        for feature in features { feature.contribute(to: &self) }
        guard faults.isEmpty else { throw AssemblyError(faults: faults) }
    }

    package mutating func add(_ grant: any Grant) {
        if grants.updateValue(grant, forKey: grant.grantType) != nil {
            faults.append("two features contribute the grant \(grant.grantType)")
        }
    }

    package mutating func add(_ endpoint: any Endpoint) {
        if endpoints.contains(where: { $0.location == endpoint.location }) {
            faults.append("two features contribute the endpoint \(endpoint.location)")
        }
        endpoints.append(endpoint)
    }

    package mutating func addMetadata(_ name: String, _ value: JSON) {
        if metadata.contains(where: { $0.name == name }) {
            faults.append("two features contribute the metadata member \(name)")
        }
        metadata.append((name, value))
    }

    package mutating func add(_ kind: RecordKind) {
        if !recordKinds.insert(kind).inserted { faults.append("two features own the record kind \(kind)") }
    }

    /// The metadata member that names an endpoint, and the endpoint itself.
    package mutating func add(_ endpoint: any Endpoint, advertisedAs name: String) {
        add(endpoint)
        if case .belowIssuer(let path) = endpoint.location {
            addMetadata(name, .string(configuration.issuer.value + path))
        }
    }
}

/// Every fault of an assembly at once.
package struct AssemblyError: Error, Hashable, Sendable {
    package var faults: [String]
}
