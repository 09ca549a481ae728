// The screen of the demo: puts what signet.js does in front of a person. Text goes in as text, never as markup.

import { createClient, SignetError } from "./signet.js";
import { answered, decode, recordingFetch, recordRedirects, whatScriptsFind } from "./demo-log.js";
import { checkNames, hidingPlaces, meanings, purposes, secretNames, timeClaims } from "./demo-words.js";

const $ = (id) => document.getElementById(id);
const kinds = [["access", "Access"], ["id", "ID"], ["refresh", "Refresh"]];

let config;
let client;
/** What came last. signet.js keeps its own; these are here to be looked at, in memory as well. */
let tokens = null;
// What userinfo said of the person who is signed in.
let person = {};
let selected = "access";
let revoked = false;
// Whether this page was asked to sign out, or heard of it.
let leaving = false;
let cameBack = false;
/** Whether it is known if somebody is signed in. */
let ready = false;
/** The first entry that the last pressed button put into the log. */
let firstEntry = null;

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function copyOf(id) {
  return $(id).content.firstElementChild.cloneNode(true);
}

// ---- problems and notices

function showProblem(error) {
  const isRefusal = error instanceof SignetError;
  $("problem-title").textContent = isRefusal ? error.code : "Something broke in this page";
  $("problem-text").textContent = isRefusal ? error.description ?? "" : String(error?.message ?? error);
  $("problem-trace-line").hidden = !error.traceId;
  $("problem-trace").textContent = error.traceId ?? "";
  $("problem").hidden = false;
  $("notice").hidden = true;
}

function notify(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
  $("problem").hidden = true;
}

// ---- the log

function shortened(value) {
  const text = String(value);
  const [scheme, rest] = text.startsWith("Bearer ") ? ["Bearer ", text.slice(7)] : ["", text];
  return rest.length > 28 ? `${scheme}${rest.slice(0, 12)}…${rest.slice(-6)}` : text;
}

function shown(name, value) {
  return secretNames.has(name) ? shortened(value) : String(value);
}

function masked(value) {
  if (Array.isArray(value)) return value.map(masked);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [
    name, secretNames.has(name) && typeof inner === "string" ? shortened(inner) : masked(inner),
  ]));
}

function requestText({ method, url, headers = {}, form, text }) {
  const target = new URL(url);
  const lines = [`${method} ${target.pathname}`];
  const query = [...target.searchParams];
  query.forEach(([name, value], index) => lines.push(`  ${index ? "&" : "?"}${name}=${shown(name, value)}`));
  lines.push(`Host: ${target.host}`);
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${shown(name, value)}`);
  const fields = Object.entries(form ?? {});
  if (fields.length || text) lines.push("");
  if (text) lines.push(text);
  fields.forEach(([name, value], index) => lines.push(`${index ? "&" : ""}${name}=${shown(name, value)}`));
  return lines.join("\n");
}

function responseText({ status, responseHeaders = [], body }) {
  if (!status) return "No answer.";
  const lines = [`HTTP ${status}`, ...responseHeaders.map(([name, value]) => `${name}: ${value}`)];
  if (body) lines.push("", typeof body === "string" ? body : JSON.stringify(masked(body), null, 2));
  return lines.join("\n");
}

function record(exchange) {
  const entry = copyOf("entry-template");
  const isRedirect = exchange.kind === "redirect";
  const target = new URL(exchange.url);
  entry.querySelector(".entry-title").textContent = exchange.title;
  entry.querySelector(".entry-line").textContent = `${exchange.method} ${target.host}${target.pathname}`;
  const pill = entry.querySelector(".pill");
  pill.textContent = isRedirect ? (exchange.failed ? "error" : "redirect") : exchange.status ? `${exchange.status}` : "no answer";
  pill.classList.add(exchange.failed ? "bad" : isRedirect ? "neutral" : "good");
  if (exchange.milliseconds !== undefined) {
    entry.querySelector(".entry-line").textContent += ` · ${Math.max(1, Math.round(exchange.milliseconds))} ms`;
  }
  const box = entry.querySelector(".exchange");
  // Built when opened: most entries never are.
  entry.querySelector("details").addEventListener("toggle", () => {
    if (box.childElementCount) return;
    box.append(element("h3", isRedirect ? "Address" : "Request"), element("pre", requestText(exchange)));
    if (!isRedirect) box.append(element("h3", "Response"), element("pre", responseText(exchange)));
    for (const block of box.querySelectorAll("pre")) block.tabIndex = 0;
  });
  $("log").prepend(entry);
  firstEntry ??= entry.querySelector("details");
  $("log-status").textContent = `${exchange.title}: ${pill.textContent}`;
}

/** Leaves only the exchange open that the pressed button was about. */
function openFirstEntry() {
  for (const details of $("log").querySelectorAll("details")) details.open = details === firstEntry;
}

// ---- tokens

function duration(seconds) {
  const total = Math.max(0, Math.floor(seconds));
  const [days, hours, minutes] = [Math.floor(total / 86400), Math.floor(total / 3600) % 24, Math.floor(total / 60) % 60];
  const two = (number) => String(number).padStart(2, "0");
  if (days) return `${days} d ${hours} h`;
  return hours ? `${hours}:${two(minutes)}:${two(total % 60)}` : `${minutes}:${two(total % 60)}`;
}

/** When a token was issued and ends, in seconds since 1970; the refresh token keeps that to itself. */
function lifetime(kind) {
  if (kind === "refresh") return null;
  const claims = decode(tokens[`${kind}_token`] ?? "")?.claims;
  if (claims?.exp) return { from: claims.iat ?? claims.exp - 900, until: claims.exp };
  if (kind === "access" && tokens.expires_in) {
    const from = tokens.receivedAt / 1000;
    return { from, until: from + tokens.expires_in };
  }
  return null;
}

function claimValue(name, value) {
  if (timeClaims.has(name) && Number.isFinite(value)) {
    return new Date(value * 1000).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
  }
  if (Array.isArray(value)) return value.map((item) => typeof item === "string" ? item : JSON.stringify(item)).join(", ");
  return typeof value === "string" ? value : JSON.stringify(value);
}

function part(title, members, className, words = meanings) {
  const section = copyOf("part-template");
  section.classList.add(className);
  section.querySelector("h3").textContent = title;
  for (const [name, value] of Object.entries(members)) {
    const row = element("div");
    const meaning = element("dd", words[name] ?? "a claim of this provider", "meaning");
    row.append(element("dt", name), element("dd", claimValue(name, value), "value"), meaning);
    section.querySelector("dl").append(row);
  }
  return section;
}

/** Puts a token in place: the beginning and the end of each part, in its own ink. */
function showRaw(box, token, decoded) {
  const line = box.querySelector("p");
  const pieces = decoded ? decoded.parts : [token];
  pieces.forEach((piece, index) => {
    if (index) line.append(".");
    const text = piece.length > 64 ? `${piece.slice(0, 48)}…${piece.slice(-10)}` : piece;
    line.append(element("span", text, decoded ? `part-${index + 1}` : "part-opaque"));
  });
  box.querySelector("button").addEventListener("click", (event) => run(async () => {
    await navigator.clipboard.writeText(token);
    event.target.textContent = "Copied";
  }));
}

/** Shown because "in no storage" is easily said. */
async function showHidingPlaces(box) {
  box.append(part("Looked for just now, where scripts can look", await whatScriptsFind(), "is-2", hidingPlaces));
}

function renderToken() {
  const token = tokens[`${selected}_token`];
  const panel = $("token");
  panel.replaceChildren($("token-template").content.cloneNode(true));
  panel.setAttribute("aria-labelledby", `tab-${selected}`);
  panel.querySelector(".purpose").textContent = purposes[selected];
  const decoded = token ? decode(token) : null;
  const checks = panel.querySelector(".checks");
  if (selected === "id") {
    for (const name of tokens.checks) checks.append(element("li", checkNames[name]));
  } else {
    checks.remove();
  }
  if (token) {
    showRaw(panel.querySelector(".raw"), token, decoded);
  } else {
    panel.querySelector(".raw").remove();
  }
  if (decoded) {
    panel.querySelector(".parts").append(part("Header", decoded.header, "is-1"), part("Claims", decoded.claims, "is-2"));
  }
  if (selected === "refresh") run(() => showHidingPlaces(panel.querySelector(".parts")));
  tick();
}

function renderTabs() {
  if (!$("tabs").childElementCount) {
    for (const [kind, title] of kinds) {
      const tab = copyOf("tab-template");
      tab.id = `tab-${kind}`;
      tab.querySelector(".tab-name").textContent = title;
      tab.addEventListener("click", () => select(kind));
      $("tabs").append(tab);
    }
  }
  for (const [kind] of kinds) {
    $(`tab-${kind}`).setAttribute("aria-selected", String(kind === selected));
    $(`tab-${kind}`).tabIndex = kind === selected ? 0 : -1;
  }
}

function select(kind) {
  selected = kind;
  renderTabs();
  renderToken();
}

function moveTab(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const names = kinds.map(([kind]) => kind);
  select(names[(names.indexOf(selected) + step + names.length) % names.length]);
  $(`tab-${selected}`).focus();
}

/** Once a second: what time remains. */
function tick() {
  if (!tokens) return;
  const now = Date.now() / 1000;
  for (const [kind] of kinds) {
    const life = lifetime(kind);
    const left = life ? life.until - now : 0;
    const state = kind === "refresh" ? "cookie" : !tokens[`${kind}_token`] ? "none"
      : revoked && kind === "access" ? "revoked" : !life ? "opaque" : left > 0 ? duration(left) : "expired";
    const label = $(`tab-${kind}`).querySelector(".tab-time");
    label.textContent = state;
    label.classList.toggle("over", state === "expired" || state === "revoked");
    if (kind !== selected) continue;
    const box = $("token").querySelector(".life");
    box.hidden = !life;
    box.classList.toggle("over", label.classList.contains("over"));
    if (!life) continue;
    box.querySelector(".life-text").textContent = state === "revoked"
      ? "Revoked. The provider refuses it, and so does every API that follows the revocation feed."
      : left > 0 ? `Expires in ${duration(left)}` : "Expired";
    box.querySelector(".life-until").textContent = new Date(life.until * 1000).toLocaleTimeString("en-GB");
    box.querySelector("progress").value = state === "revoked" ? 0 : Math.max(0, Math.min(1, left / (life.until - life.from)));
  }
}

// ---- the two faces of the page

function render() {
  const isIn = Boolean(client?.user && tokens);
  $("signed-out").hidden = isIn || !ready;
  for (const id of ["signed-in", "hello", "sign-out"]) $(id).hidden = !isIn;
  if (!isIn) return;
  const claims = decode(tokens.id_token).claims;
  const name = person.name ?? person.preferred_username;
  $("greeting").textContent = name ? `Hello, ${name}` : "You are signed in";
  $("avatar").textContent = [...(name ?? claims.sub)][0].toUpperCase();
  const details = [person.email, claims.auth_time ? `signed in ${claimValue("auth_time", claims.auth_time)}` : null];
  $("person").textContent = details.filter(Boolean).join(" · ") || claims.sub;
  renderTabs();
  renderToken();
}

async function askWhoSignedIn() {
  const body = await answered(await client.fetch(`${config.issuer}/userinfo`));
  if (body.sub !== client.user.sub) throw new SignetError("sub_mismatch", "Userinfo answered about another person.");
  person = body;
  render();
}

const actions = {
  async userinfo() {
    await askWhoSignedIn();
    notify(`Userinfo answered with ${Object.keys(person).length} claims about you.`);
  },
  async orders() {
    const wasRevoked = revoked;
    const body = await answered(await client.fetch(`${config.apiURL}/orders`));
    const count = body.orders?.length ?? 0;
    notify(wasRevoked && !revoked
      ? `The API refused the revoked token, signet.js fetched another and asked again: ${count} orders.`
      : `The demo API checked the token and sent ${count} ${count === 1 ? "order" : "orders"}.`);
  },
  async refresh() {
    if (await client.refresh()) notify("A new access token. The cookie was replaced as well, unseen.");
  },
  async revoke() {
    const body = new URLSearchParams({
      token: await client.accessToken(), token_type_hint: "access_token", client_id: config.clientID,
    });
    const send = recordingFetch(record, () => {});
    const response = await send(`${config.issuer}/revoke`, { method: "POST", body, credentials: "omit" });
    if (!response.ok) await answered(response);
    revoked = true;
    tick();
    notify("Revoked. Call the demo API now, and see in the log how the refusal is put right.");
  },
};

async function run(work, button) {
  if (button) button.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    showProblem(error);
  } finally {
    if (button) button.removeAttribute("aria-busy");
  }
}

/** Every answer with a token passes here: shown, and kept for as long as the page is. */
function noticed(answer) {
  const isFirst = !tokens;
  const first = ["state", "iss", "aud", "exp", "nonce"];
  const later = ["iss", "aud", "exp", ...(isFirst ? [] : ["sub"])];
  tokens = { ...tokens, ...answer, receivedAt: Date.now(), checks: cameBack ? first : later };
  cameBack = false;
  revoked = false;
}

async function start() {
  const response = await fetch("/config.json", { cache: "no-store" });
  config = await response.json();
  $("issuer").textContent = config.issuer;
  $("issuer-line").hidden = false;
  client = createClient({
    issuer: config.issuer,
    clientId: config.clientID,
    redirectURI: config.redirectURI,
    postLogoutRedirectURI: config.postLogoutRedirectURI,
    scope: config.scope,
    resource: config.resource,
    apis: [config.issuer, config.apiURL],
    fetch: recordingFetch(record, noticed),
  });
  client.on("signedin", () => run(askWhoSignedIn));
  client.on("refreshed", render);
  client.on("signedout", () => {
    tokens = null;
    person = {};
    render();
    if (!leaving) notify("Signed out: in another tab, or by the provider.");
  });
  client.on("error", showProblem);
  const wasAnswered = await recordRedirects(config, record);
  cameBack = wasAnswered;
  if (location.pathname === new URL(config.postLogoutRedirectURI).pathname) {
    history.replaceState(null, "", "/");
    notify("You’re signed out, here and at the provider.");
  }
  try {
    await client.start();
  } catch (error) {
    // A wrong answer is refused, and changes nothing for who was signed in before.
    if (wasAnswered) await client.start().catch(() => {});
    throw error;
  } finally {
    ready = true;
  }
}

$("sign-in").addEventListener("click", (event) => run(async () => {
  await (client ? client.signIn({ returnTo: "/" }) : start());
}, event.currentTarget));
$("sign-out").addEventListener("click", (event) => run(async () => {
  leaving = true;
  try {
    await client.signOut();
  } catch (error) {
    leaving = false;
    throw error;
  }
}, event.currentTarget));
$("problem-close").addEventListener("click", () => { $("problem").hidden = true; });
$("tabs").addEventListener("keydown", moveTab);
for (const button of document.querySelectorAll("[data-action]")) {
  button.addEventListener("click", () => run(async () => {
    firstEntry = null;
    try {
      await actions[button.dataset.action]();
    } finally {
      openFirstEntry();
    }
  }, button));
}
setInterval(tick, 1000);
await run(start);
render();
