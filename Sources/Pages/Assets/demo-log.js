// What travelled: looks over the shoulder of signet.js, which is given this fetch instead of the window's, and reads the
// two redirects from the address and from the pending sign-in before signet.js takes them.

import { SignetError } from "./signet.js";

const encoder = new TextEncoder();

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function bytesOf(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
}

/** The parts of a JWT, or nothing for an opaque token. Nothing is checked here. */
export function decode(token) {
  const parts = token.split(".");
  if (parts.length !== 3) return null;
  try {
    const [header, claims] = parts.slice(0, 2).map((part) => JSON.parse(new TextDecoder().decode(bytesOf(part))));
    return { parts, header, claims };
  } catch {
    return null;
  }
}

const titles = [
  ["/.well-known/openid-configuration", "Read the provider’s metadata"],
  ["/token", "Exchange the code for tokens"],
  ["/session/refresh", "Refresh by the cookie"],
  ["/session/logout", "End the session of this app"],
  ["/userinfo", "Ask who signed in"],
  ["/revoke", "Revoke the access token"],
  ["/orders", "Call the demo API"],
];

function titleOf(url) {
  return titles.find(([path]) => new URL(url).pathname.endsWith(path))?.[1] ?? "Send a request";
}

/** What a browser adds and takes off by itself; scripts see neither. */
const sentCookie = "(added by the browser if there is one; this page cannot see it)";
const keptCookie = "(the refresh token, kept by the browser; this page cannot see it)";

function described(input, init) {
  const request = input instanceof Request ? input : null;
  const method = init?.method ?? request?.method ?? "GET";
  const url = String(request?.url ?? input);
  const headers = { Accept: "*/*" };
  for (const [name, value] of new Headers(init?.headers ?? request?.headers)) headers[display(name)] = value;
  if (init?.credentials === "include") headers.Cookie = sentCookie;
  const body = init?.body;
  const form = body instanceof URLSearchParams ? Object.fromEntries(body) : undefined;
  return { title: titleOf(url), method, url, headers, form, text: typeof body === "string" ? body : undefined };
}

function display(name) {
  return name.split("-").map((part) => part === "csrf" ? "CSRF" : part[0].toUpperCase() + part.slice(1)).join("-");
}

/**
 * A fetch that records.
 *
 * @param record called with every exchange
 * @param noticed called with every answer that holds tokens
 */
export function recordingFetch(record, noticed) {
  return async (input, init) => {
    const exchange = described(input, init);
    const started = performance.now();
    let response;
    try {
      response = await fetch(input, init);
    } catch (error) {
      record({ ...exchange, failed: true, milliseconds: performance.now() - started });
      throw error;
    }
    const text = await response.clone().text();
    let body = text;
    try { body = text ? JSON.parse(text) : ""; } catch { /* shown as text */ }
    const responseHeaders = [...response.headers];
    // Said because it cannot be shown: the answer looks to scripts as if it had none.
    const keeps = init?.credentials === "include" && response.ok && body?.access_token;
    if (keeps) responseHeaders.push(["set-cookie", keptCookie]);
    record({
      ...exchange, milliseconds: performance.now() - started, status: response.status, failed: !response.ok,
      responseHeaders, body,
    });
    if (response.ok && body?.access_token) noticed(body);
    return response;
  };
}

/** Both redirects, if this page was opened by the provider's answer to a sign-in. */
export async function recordRedirects(config, record) {
  const answer = new URLSearchParams(location.search);
  if (location.pathname !== new URL(config.redirectURI).pathname || !answer.has("state")) return false;
  const pending = JSON.parse(sessionStorage.getItem(`signet ${config.issuer} ${config.clientID}`) ?? "null");
  if (pending) {
    const digest = await crypto.subtle.digest("SHA-256", encoder.encode(pending.verifier));
    const url = new URL(`${config.issuer}/authorize`);
    const parameters = {
      response_type: "code", client_id: config.clientID, redirect_uri: config.redirectURI, scope: config.scope,
      resource: config.resource, state: pending.state, nonce: pending.nonce,
      code_challenge: base64url(new Uint8Array(digest)), code_challenge_method: "S256",
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    record({ title: "Send the browser to the provider", method: "GET", url: url.href, kind: "redirect" });
  }
  record({
    title: "The provider sends the browser back", method: "GET", url: location.href, kind: "redirect",
    failed: answer.has("error"),
  });
  return true;
}

/** The body of an API's answer; a refusal by RFC 6750 §3 becomes an error. */
export async function answered(response) {
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  const challenge = response.headers.get("WWW-Authenticate") ?? "";
  const quoted = (name) => challenge.match(new RegExp(`${name}="([^"]*)"`))?.[1];
  throw new SignetError(
    body.error ?? quoted("error") ?? `http_${response.status}`, body.error_description ?? quoted("error_description"),
    { traceId: body.trace_id ?? response.headers.get("Signet-Trace-Id") ?? "", status: response.status });
}

/** Every place where a script could find a token, and what is there. */
export async function whatScriptsFind() {
  const databases = await indexedDB.databases?.() ?? [];
  const found = {
    "document.cookie": document.cookie,
    localStorage: Object.keys(localStorage).join(", "),
    sessionStorage: Object.keys(sessionStorage).join(", "),
    IndexedDB: databases.map((database) => database.name).join(", "),
  };
  return Object.fromEntries(Object.entries(found).map(([place, text]) => [place, text || "empty"]));
}
