// A single-page application: signs a person in and calls an API with their token. signet.js, which the issuer serves, does
// what is hard about it; this page never sees a refresh token, and its access token is in no storage.

const $ = (id) => document.getElementById(id);
const config = await (await fetch("config.json")).json();
const { createClient } = await import(`${config.issuer}/assets/signet.js`);

const client = createClient({
  issuer: config.issuer,
  clientId: config.clientID,
  redirectURI: `${location.origin}/`,
  postLogoutRedirectURI: `${location.origin}/`,
  scope: "openid profile offline_access orders:read",
  resource: config.api,
  apis: [config.api, config.issuer],
});

async function show() {
  const user = client.user;
  // The ID token says who it is; names are at userinfo.
  const person = user ? await (await client.fetch(`${config.issuer}/userinfo`)).json() : null;
  $("state").textContent = person ? `Signed in as ${person.name ?? person.sub}.` : "Nobody is signed in.";
  $("sign-in").hidden = Boolean(user);
  $("orders").hidden = $("sign-out").hidden = !user;
  if (!user) $("answer").textContent = "";
}

function showProblem(error) {
  $("state").textContent = `${error.message} (${error.code ?? error.name}${error.traceId ? `, trace ${error.traceId}` : ""})`;
}

async function showOrders() {
  const response = await client.fetch(`${config.api}/orders`);
  // The API exposes WWW-Authenticate to this origin, so that the page can read why it was refused.
  const reason = response.headers.get("WWW-Authenticate") ?? "";
  $("answer").textContent = `${response.status} ${response.ok ? await response.text() : reason}`;
}

// Also what happens in another tab: signing in and out is one thing for all of them.
for (const event of ["signedin", "signedout"]) client.on(event, () => show().catch(showProblem));
client.on("error", showProblem);

$("sign-in").onclick = () => client.signIn().catch(showProblem);
$("orders").onclick = () => showOrders().catch(showProblem);
$("sign-out").onclick = () => client.signOut().catch(showProblem);
try {
  if (!await client.start()) await show();
} catch (error) {
  await show().catch(() => {});
  showProblem(error);
}
