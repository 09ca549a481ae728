// The protocol by hand: what any single-page app does to sign a person in with OpenID Connect.
// OAuth 2.1 (code + PKCE), RFC 9207 (iss), RFC 8707 (resource), OIDC Core §3.1.3.7 (ID token checks), RP-Initiated Logout.
// Tokens are returned to the caller and never stored. Only the pending transaction waits in sessionStorage, because
// the redirect leaves the page; the callback deletes it before anything else.

const pendingKey = "signet-demo.pending";
const encoder = new TextEncoder();

/** A refusal, with the server's own words. */
export class ProtocolError extends Error {
  constructor(code, description, { trace = "", status = 0 } = {}) {
    super(description || code);
    Object.assign(this, { code, description, trace, status });
  }
}

export function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function bytesOf(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
}

function random() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function digest(algorithm, text) {
  return new Uint8Array(await crypto.subtle.digest(algorithm, encoder.encode(text)));
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

export class Client {
  /**
   * @param config what this app was registered with
   * @param record called with every exchange, for the log
   */
  constructor(config, record) {
    this.config = config;
    this.record = record;
  }

  /** Reads the provider's metadata; its issuer must be the one we asked (OIDC Discovery §4.3). */
  async discover() {
    const { body } = await this.send("Read the provider’s metadata", `${this.config.issuer}/.well-known/openid-configuration`);
    if (body.issuer !== this.config.issuer) {
      throw new ProtocolError("issuer_mismatch", `The metadata names another issuer: ${body.issuer}`);
    }
    this.metadata = body;
  }

  /** Sends the person to the provider. */
  async signIn() {
    const pending = { kind: "sign-in", verifier: random(), state: random(), nonce: random(), startedAt: Date.now() };
    const url = new URL(this.metadata.authorization_endpoint);
    const parameters = {
      response_type: "code",
      client_id: this.config.clientID,
      redirect_uri: this.config.redirectURI,
      scope: this.config.scope,
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: base64url(await digest("SHA-256", pending.verifier)),
      code_challenge_method: "S256",
      ...(this.config.resource ? { resource: this.config.resource } : {}),
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    pending.url = url.href;
    sessionStorage.setItem(pendingKey, JSON.stringify(pending));
    location.assign(url);
  }

  /** Whether this page was opened by the provider's answer; takes the answer out of the address bar. */
  takeAnswer() {
    const answer = new URLSearchParams(location.search);
    const pending = JSON.parse(sessionStorage.getItem(pendingKey) ?? "null");
    sessionStorage.removeItem(pendingKey);
    const isAnswer = answer.has("state") || answer.has("code") || answer.has("error");
    if (isAnswer) history.replaceState(null, "", "/");
    return isAnswer ? { answer, pending } : null;
  }

  /** Checks the answer and redeems the code. */
  async redeem({ answer, pending }) {
    this.recordRedirects(answer, pending);
    if (!pending || pending.kind !== "sign-in" || answer.get("state") !== pending.state) {
      throw new ProtocolError("state_mismatch", "This answer does not belong to a sign-in that this page started.");
    }
    // RFC 9207 §2.4: the issuer in the answer must be the one that was asked, or another server mixed in.
    if (answer.get("iss") !== this.config.issuer) {
      throw new ProtocolError("issuer_mismatch", `The answer came from another issuer: ${answer.get("iss") ?? "none"}`);
    }
    if (answer.has("error")) {
      throw new ProtocolError(answer.get("error"), answer.get("error_description"), { trace: answer.get("trace_id") ?? "" });
    }
    const response = await this.token("Exchange the code for tokens", {
      grant_type: "authorization_code",
      code: answer.get("code"),
      redirect_uri: this.config.redirectURI,
      code_verifier: pending.verifier,
    });
    const checks = await this.checkIDToken(response.id_token, { nonce: pending.nonce, accessToken: response.access_token });
    return { ...response, checks: ["state", "iss", ...checks] };
  }

  async refresh(tokens) {
    const response = await this.token("Refresh the tokens", {
      grant_type: "refresh_token",
      refresh_token: tokens.refresh_token,
    });
    if (!response.id_token) return { ...tokens, ...response };
    const checks = await this.checkIDToken(response.id_token, {
      subject: decode(tokens.id_token).claims.sub,
      accessToken: response.access_token,
    });
    return { ...tokens, ...response, checks };
  }

  /** RFC 7009; revoking the refresh token ends everything that was granted with it. */
  async revoke(token) {
    await this.send("Revoke the refresh token", this.metadata.revocation_endpoint, {
      form: { token, token_type_hint: "refresh_token", client_id: this.config.clientID },
    });
  }

  async userinfo(accessToken) {
    return this.send("Ask who signed in", this.metadata.userinfo_endpoint, { bearer: accessToken });
  }

  async orders(accessToken) {
    return this.send("Call the demo API", `${this.config.apiURL}/orders`, { bearer: accessToken });
  }

  /** Sends the person to the provider to end the session there as well. */
  signOut(idToken) {
    const pending = { kind: "sign-out", state: random() };
    const url = new URL(this.metadata.end_session_endpoint);
    url.searchParams.set("id_token_hint", idToken);
    url.searchParams.set("client_id", this.config.clientID);
    url.searchParams.set("post_logout_redirect_uri", this.config.postLogoutRedirectURI);
    url.searchParams.set("state", pending.state);
    sessionStorage.setItem(pendingKey, JSON.stringify(pending));
    location.assign(url);
  }

  async token(title, parameters) {
    const form = { ...parameters, client_id: this.config.clientID };
    if (this.config.resource) form.resource = this.config.resource;
    const { body } = await this.send(title, this.metadata.token_endpoint, { form });
    return { ...body, receivedAt: Date.now() };
  }

  /** OIDC Core §3.1.3.7 and §12.2. Returns the names of the checks that were made. */
  async checkIDToken(token, { nonce, subject, accessToken }) {
    const refuse = (claim, text) => { throw new ProtocolError("id_token_invalid", `${claim}: ${text}`); };
    const decoded = token ? decode(token) : null;
    if (!decoded) refuse("id_token", "expected a JWT");
    const { header, claims } = decoded;
    await this.checkSignature(decoded);
    if (claims.iss !== this.config.issuer) refuse("iss", "names another issuer");
    if (![claims.aud].flat().includes(this.config.clientID)) refuse("aud", "was issued to another client");
    if (claims.exp * 1000 <= Date.now()) refuse("exp", "has expired");
    if (nonce !== undefined && claims.nonce !== nonce) refuse("nonce", "belongs to another sign-in");
    if (subject !== undefined && claims.sub !== subject) refuse("sub", "names another person");
    const checks = ["signature", "aud", "exp", nonce === undefined ? "sub" : "nonce"];
    if (claims.at_hash !== undefined) {
      const hash = await digest(header.alg === "EdDSA" ? "SHA-512" : "SHA-256", accessToken);
      if (claims.at_hash !== base64url(hash.slice(0, hash.length / 2))) refuse("at_hash", "belongs to another access token");
      checks.push("at_hash");
    }
    return checks;
  }

  async checkSignature({ parts, header }) {
    const algorithm = {
      RS256: { kty: "RSA", import: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }, verify: "RSASSA-PKCS1-v1_5" },
      ES256: { kty: "EC", import: { name: "ECDSA", namedCurve: "P-256" }, verify: { name: "ECDSA", hash: "SHA-256" } },
      EdDSA: { kty: "OKP", import: { name: "Ed25519" }, verify: "Ed25519" },
    }[header.alg];
    if (!algorithm) throw new ProtocolError("id_token_invalid", `alg: ${header.alg} is not accepted here`);
    const fits = (key) => key.kid === header.kid && key.kty === algorithm.kty;
    // Asked again only for a key that is not known yet: the provider publishes keys before it signs with them.
    if (!this.keys?.some(fits)) {
      this.keys = (await this.send("Read the provider’s public keys", this.metadata.jwks_uri)).body.keys;
    }
    const jwk = this.keys.find(fits);
    if (!jwk) throw new ProtocolError("id_token_invalid", `kid: no published key is called ${header.kid}`);
    const key = await crypto.subtle.importKey("jwk", jwk, algorithm.import, false, ["verify"]);
    const signed = encoder.encode(`${parts[0]}.${parts[1]}`);
    if (!await crypto.subtle.verify(algorithm.verify, key, bytesOf(parts[2]), signed)) {
      throw new ProtocolError("id_token_invalid", "signature: does not fit");
    }
  }

  recordRedirects(answer, pending) {
    if (pending?.kind === "sign-in") {
      this.record({ title: "Send the browser to the provider", method: "GET", url: pending.url, kind: "redirect", at: pending.startedAt });
    }
    const url = new URL(this.config.redirectURI);
    for (const [name, value] of answer) url.searchParams.set(name, value);
    this.record({
      title: "The provider sends the browser back", method: "GET", url: url.href, kind: "redirect", failed: answer.has("error"),
    });
  }

  async send(title, url, { form, bearer } = {}) {
    const headers = { Accept: "application/json" };
    if (bearer) headers.Authorization = `Bearer ${bearer}`;
    const exchange = { title, method: form ? "POST" : "GET", url, headers, form, at: Date.now() };
    if (form) headers["Content-Type"] = "application/x-www-form-urlencoded";
    const started = performance.now();
    let response;
    try {
      response = await fetch(url, {
        method: exchange.method,
        headers,
        body: form ? new URLSearchParams(form) : undefined,
        cache: "no-store",
        credentials: "omit",
        redirect: "error",
        referrerPolicy: "no-referrer",
      });
    } catch {
      this.record({ ...exchange, failed: true, milliseconds: performance.now() - started });
      throw new ProtocolError("unreachable", `No answer from ${new URL(url).origin}. Is it running?`);
    }
    const text = await response.text();
    let body = {};
    try { body = text ? JSON.parse(text) : {}; } catch { /* shown as text */ }
    this.record({
      ...exchange,
      milliseconds: performance.now() - started,
      status: response.status,
      failed: !response.ok,
      responseHeaders: [...response.headers],
      body: text && Object.keys(body).length ? body : text,
    });
    if (!response.ok) throw refusal(response, body);
    return { status: response.status, body };
  }
}

/** The error of RFC 6749 §5.2 (body) or RFC 6750 §3 (header). */
function refusal(response, body) {
  const challenge = response.headers.get("WWW-Authenticate") ?? "";
  const quoted = (name) => challenge.match(new RegExp(`${name}="([^"]*)"`))?.[1];
  return new ProtocolError(
    body.error ?? quoted("error") ?? `HTTP ${response.status}`,
    body.error_description ?? quoted("error_description") ?? response.statusText,
    { trace: body.trace_id ?? response.headers.get("Signet-Trace-Id") ?? "", status: response.status },
  );
}
