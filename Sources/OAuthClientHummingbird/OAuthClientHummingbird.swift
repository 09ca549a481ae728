// Room: a login in front of a server-rendered application on Hummingbird. Decides nothing: it asks OAuthClient (RFC 6749).
