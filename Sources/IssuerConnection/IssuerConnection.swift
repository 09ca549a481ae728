// Room: the way to an issuer, shared by the resource server and the client: its metadata (RFC 8414), and HTTP within
// limits. Owns the seam behind which the HTTP client lies. Stores nothing.
