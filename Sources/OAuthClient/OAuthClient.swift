// Room: the client's side of RFC 6749: discovery, code and PKCE, refresh, client credentials with a token cache, device
// flow, revocation, logout. Front doors: RelyingParty and ServiceTokens. Stores in memory what its caller hands it no store for.
