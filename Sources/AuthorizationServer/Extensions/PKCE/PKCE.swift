import OAuthVocabulary
enum PKCE { static func verify(challenge: String?, verifier: String?) throws(OAuthError) {} }
