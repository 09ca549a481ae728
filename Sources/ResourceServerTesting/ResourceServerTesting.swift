// Room: an issuer in the process of a test, which mints valid and deliberately broken tokens (RFC 9068) under a clock
// that the test sets. Owns no decision: it plays the other side of ResourceServer, with keys, introspection (RFC 7662)
// and the revocation feed. Stores what it minted, in memory. TestIssuer has an example.
