// Room: the resource server as a middleware of Hummingbird. Decides nothing: it asks ResourceServer (RFC 6750).
