// The device authorization grant, RFC 8628: a device without a browser asks (§3.1), a person answers on a page of ours (§3.3),
// the device redeems its code at the token endpoint (§3.4). Owns the pages below `/device` and the record kind `device-code`:
// one record a request, found by either code. A redeemed one stays on record, spent, as an authorization code does.

package struct DeviceCodeFeature: Feature {
    package init() {}

    package func contribute(to assembly: inout Assembly) {
        // RFC 8628 §4
        assembly.add(DeviceAuthorizationEndpoint(), advertisedAs: "device_authorization_endpoint")
        assembly.add(DeviceCodeGrant())
        assembly.add(DeviceVerificationEndpoint())
        assembly.add(DeviceAnswerEndpoint())
        assembly.add(DeviceCodeRecord.kind)
    }
}
