// What the names in headers and claims mean, one line each.

export const purposes = {
  access: "For APIs. Signed by the provider, so that an API checks it without asking anyone. Short-lived. Not for this app to read: it is only decoded here because you are curious.",
  id: "For this app. Says who signed in, when and how. Never sent to an API.",
  refresh: "Not here. The browser keeps it in a cookie that no script can read and that goes to the provider alone. Used once and replaced at every refresh; a late second use of an old one ends the whole family.",
};

export const meanings = {
  alg: "how it is signed",
  kid: "which of the provider’s keys signed it",
  typ: "what kind of token it is",
  iss: "who issued it",
  sub: "who it is about; stable, never reused",
  aud: "who may accept it",
  exp: "when it stops being valid",
  iat: "when it was issued",
  nbf: "not valid before",
  jti: "its own name, for revocation and logs",
  client_id: "the app it was issued to",
  azp: "the app it was issued to",
  scope: "what it allows",
  auth_time: "when you entered your password",
  acr: "how strong that was",
  amr: "by which means",
  nonce: "ties it to the sign-in this page started",
  at_hash: "ties it to the access token beside it",
  sid: "your session at the provider",
  roles: "roles, so that an API needs no query",
  groups: "groups, so that an API needs no query",
  entitlements: "what you may do, for APIs",
  name: "your name",
  given_name: "your first name",
  family_name: "your last name",
  nickname: "what friends call you",
  preferred_username: "your username; may change, so no key",
  email: "your e-mail address",
  email_verified: "whether that address was proven",
  phone_number: "your phone number",
  picture: "your picture",
  locale: "your language",
  zoneinfo: "your time zone",
  updated_at: "when your profile changed last",
  grant_id: "what you allowed; ending it ends this token",
  rev: "what an API looks for in the revocation feed",
  gen: "counts refreshes; revocation reads it",
};

export const checkNames = {
  state: "state is ours",
  iss: "issuer is the one we asked",
  aud: "meant for this app",
  exp: "not expired",
  nonce: "nonce is ours",
  sub: "same person",
};

export const hidingPlaces = {
  "document.cookie": "cookies that scripts may read; the refresh token’s is HttpOnly and not among them",
  localStorage: "would outlive the tab, and every script of this origin could read it",
  sessionStorage: "held state, nonce and verifier across the redirect, and is empty again",
  IndexedDB: "a database is a storage like any other",
};

export const timeClaims = new Set(["exp", "iat", "nbf", "auth_time", "updated_at"]);
export const secretNames = new Set([
  "access_token", "refresh_token", "id_token", "id_token_hint", "token", "code", "code_verifier", "Authorization",
]);
