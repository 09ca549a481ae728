// The Token Status List: draft-ietf-oauth-status-list-21, for verifiers that are not ours. One bit a grant in lists that
// anybody may fetch; access tokens of APIs that ask for it say which. Owns the record kinds `status-allocation`,
// `status-list` and `status-entry`; the bits follow the revocation log.

import JOSE

/// What the status lists add to the server.
package struct StatusListFeature: Feature {
    package init() {}

    package func contribute(to assembly: inout Assembly) {
        assembly.add(StatusListEndpoint())
        // Section 9.1: "it is RECOMMENDED to use the status_list_aggregation_endpoint parameter within its metadata"
        assembly.add(StatusListAggregationEndpoint(), advertisedAs: "status_list_aggregation_endpoint")
        assembly.add(StatusAllocationRecord.kind)
        assembly.add(StatusListRecord.kind)
        assembly.add(StatusEntryRecord.kind)
    }
}
