// Room: the resource server's side of RFC 6750, RFC 9068 and RFC 9728: who calls, and may they. Front door: TokenVerifier.
// Owns the key cache, the reader of the revocation feed, freshness and route policies. Stores in memory only.
