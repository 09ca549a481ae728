// Room: an issuer in the process of a test, which mints valid and deliberately broken tokens (RFC 9068) under a clock
// that the test sets. Owns no decision. Stores nothing.
