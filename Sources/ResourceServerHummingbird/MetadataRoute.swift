internal import HTTPTypes
public import Hummingbird
public import ResourceServer

extension RouterMethods {
    /// Serves the API's metadata (RFC 9728 §3) at its well-known place, for everybody and for pages of any origin.
    ///
    /// Hand the same value to the verifier's configuration, so that its challenges name the address.
    @discardableResult
    public func addMetadata(_ metadata: ProtectedResourceMetadata) -> Self {
        // The query of a resource's identifier is part of its metadata's address, and no router looks at it.
        let path = metadata.path.prefix { $0 != "?" }
        let document = metadata.document
        return get(RouterPath(String(path))) { _, _ in
            Response(
                status: .ok,
                headers: [
                    .contentType: "application/json", .cacheControl: "public, max-age=3600",
                    // The document is public, and clients in browsers begin with it.
                    .accessControlAllowOrigin: "*",
                ],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: document))
            )
        }
    }
}
