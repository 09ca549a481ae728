// A single-page application: authorization code + PKCE by hand (OAuth 2.1), `iss` checked (RFC 9207), the access token in
// memory and nowhere else. Reloading the page forgets it; the issuer's session then signs in again without a password.

const $ = (id) => document.getElementById(id);
const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const json = async (url, options) => (await fetch(url, { credentials: "omit", ...options })).json();

const config = await json("config.json");
const metadata = await json(`${config.issuer}/.well-known/oauth-authorization-server`);
if (metadata.issuer !== config.issuer) throw new Error("the metadata is another issuer's");
const redirectURI = location.origin + "/";
let accessToken = null;

async function signIn() {
  const pending = { state: random(), verifier: random() };
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pending.verifier));
  // Only this waits in storage, because the redirect leaves the page; the answer deletes it before anything else.
  sessionStorage.setItem("pending", JSON.stringify(pending));
  location.assign(metadata.authorization_endpoint + "?" + new URLSearchParams({
    response_type: "code", client_id: config.clientID, redirect_uri: redirectURI, scope: "orders:read",
    resource: config.api, state: pending.state, code_challenge: base64url(new Uint8Array(digest)),
    code_challenge_method: "S256",
  }));
}

async function takeAnswer() {
  const answer = new URLSearchParams(location.search);
  const pending = JSON.parse(sessionStorage.getItem("pending") ?? "null");
  sessionStorage.removeItem("pending");
  if (!answer.has("state")) return;
  history.replaceState(null, "", "/");
  if (!pending || answer.get("state") !== pending.state) throw new Error("this answer is to no sign-in of this page");
  if (answer.get("iss") !== config.issuer) throw new Error("this answer is another issuer's");
  if (answer.has("error")) throw new Error(answer.get("error"));
  const tokens = await json(metadata.token_endpoint, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "authorization_code", client_id: config.clientID, code: answer.get("code"),
      redirect_uri: redirectURI, code_verifier: pending.verifier,
    }),
  });
  if (!tokens.access_token) throw new Error(tokens.error);
  accessToken = tokens.access_token;
}

async function showOrders() {
  const response = await fetch(config.api + "/orders", { headers: { Authorization: `Bearer ${accessToken}` } });
  // The API exposes WWW-Authenticate to this origin, so that the page can read why it was refused.
  const reason = response.headers.get("WWW-Authenticate") ?? "";
  $("answer").textContent = `${response.status} ${response.ok ? await response.text() : reason}`;
}

async function signOut() {
  await fetch(metadata.revocation_endpoint, {
    method: "POST",
    body: new URLSearchParams({ token: accessToken, token_type_hint: "access_token", client_id: config.clientID }),
  });
  // The page keeps the token on purpose: "Show my orders" now shows that the API refuses it.
  $("state").textContent = "Signed out: the token is revoked.";
}

function show() {
  $("state").textContent = accessToken ? "Signed in." : "Nobody is signed in.";
  $("sign-in").hidden = Boolean(accessToken);
  $("orders").hidden = $("sign-out").hidden = !accessToken;
}

$("sign-in").onclick = signIn;
$("orders").onclick = showOrders;
$("sign-out").onclick = signOut;
try {
  await takeAnswer();
  show();
} catch (error) {
  show();
  $("state").textContent = error.message;
}
