// signet.js: signs people in to a single-page application, and keeps them signed in without a token in any storage.
// OAuth 2.1 (code + PKCE), RFC 9207 (iss), RFC 8707 (resource), RFC 6750 (bearer), OIDC Core §3.1.3.7 and RP-Initiated
// Logout, with Signet's browser sessions (/session/*). Imports nothing; what is served is made of it by scripts/minify.sh.
//
// The access token is in a closure and nowhere else. The refresh token is a cookie that no script can read. Across the
// redirect one thing waits in sessionStorage: the pending sign-in, which its answer deletes before anything else.

/** Why something did not work, in words that may be shown; `code` is the server's, or one of those below. */
export class SignetError extends Error {
  constructor(code, description, { traceId = "", status = 0, cause } = {}) {
    super(description || code, { cause });
    this.name = "SignetError";
    Object.assign(this, { code, description, traceId, status });
  }
}

const second = 1000;
// A person's clock may be wrong, and the token has only just come: OIDC Core §3.1.3.7 leaves "some small leeway".
const leeway = 300 * second;

const fail = (code, description, more) => {
  throw new SignetError(code, description, more);
};
const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const sha256 = async (text) => new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
const pause = (milliseconds) => new Promise((resume) => setTimeout(resume, milliseconds));

/** The parameters of a request; a list becomes the same name several times, what is missing is left out. */
const parameters = (values) => new URLSearchParams(
  Object.entries(values).flatMap(([name, value]) => [value].flat().filter(Boolean).map((one) => [name, one])));

/** What a JWT claims, or nothing. Nothing is verified here. */
const claimsOf = (token) => {
  try {
    const text = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (character) => character.charCodeAt())));
  } catch {
    return {};
  }
};

export function createClient(options) {
  const { issuer, clientId, redirectURI, postLogoutRedirectURI, scope = "openid", resource, apis = [] } = options;
  const send = options.fetch ?? ((...request) => fetch(...request));
  const origins = new Set(apis.map((api) => new URL(api).origin));
  const name = `signet ${issuer} ${clientId}`;
  const channel = new BroadcastChannel(name);
  const listeners = {};

  /** What came last: the access token, its end, the ID token and its claims. */
  let session = null;
  /** Counts the sessions of this page, so that nothing begun for one person is done for the next. */
  let era = 0;
  let metadata;
  let flight;
  let timer;
  let patience;

  // A listener that throws is its own trouble: it gets an event when nothing of ours is on the stack.
  const emit = (type, detail) => listeners[type]?.forEach((listener) => queueMicrotask(() => listener(detail)));
  const report = (error) => emit("error", error);

  /** Tabs take turns, so that each refresh sees the cookie that the one before it left. */
  const inTurn = (work) => navigator.locks?.request(name, work) ?? work();

  const call = async (url, init, repeats = 0) => {
    let response;
    let text;
    try {
      // Two attempts and the pause between them end within the ten seconds for which the server repeats an answer.
      const signal = AbortSignal.timeout(repeats ? 4 * second : 30 * second);
      response = await send(url, { cache: "no-store", redirect: "error", signal, ...init });
      text = await response.text();
    } catch (cause) {
      if (repeats > 1) {
        await pause(second);
        return call(url, init, repeats - 1);
      }
      fail("unreachable", `No answer from ${new URL(url).origin}, or none for this origin.`, { cause });
    }
    let answer = {};
    try {
      answer = JSON.parse(text) ?? answer;
    } catch { /* a proxy's page, or nothing */ }
    // Another tab without locks was faster, and its cookie is good.
    if (response.status === 409 && repeats > 1) return call(url, init, 1);
    if (!response.ok) {
      fail(answer.error ?? `http_${response.status}`, answer.error_description, {
        traceId: answer.trace_id ?? response.headers.get("Signet-Trace-Id") ?? "",
        status: response.status,
      });
    }
    return answer;
  };

  const discover = async () => {
    metadata ??= await call(`${issuer}/.well-known/openid-configuration`, { credentials: "omit" });
    // OIDC Discovery §4.3: the issuer "MUST exactly match" the one that was asked.
    if (metadata.issuer !== issuer) {
      metadata = null;
      fail("issuer_mismatch", "The metadata is another issuer's.");
    }
    return metadata;
  };

  /** The address of an endpoint of the provider, with parameters. */
  const address = async (endpoint, values) => {
    const url = new URL((await discover())[endpoint]);
    parameters(values).forEach((value, parameter) => url.searchParams.append(parameter, value));
    return url;
  };

  /** The custom header makes a request that no form can: another origin would have to ask before. */
  const ask = (what) => call(`${issuer}/session/${what}`, {
    method: "POST",
    credentials: "include",
    headers: { "Content-Type": "application/json", "Signet-CSRF": "1" },
    body: JSON.stringify({ client_id: clientId }),
  }, 2);

  const end = () => {
    clearTimeout(timer);
    if (!session) return;
    session = null;
    era += 1;
    emit("signedout");
  };

  const personChanged = () => fail("person_changed", "Somebody else has signed in in this browser.");

  /** Only the fact crosses to other tabs: each gets a token of its own. */
  const endEverywhere = () => {
    end();
    channel.postMessage("signedout");
  };

  const renewIn = (milliseconds) => {
    clearTimeout(timer);
    timer = setTimeout(() => refresh().catch((error) => {
      report(error);
      patience = Math.min(patience * 2, 60 * second);
      if (session) renewIn(patience);
    }), Math.min(milliseconds, 2 ** 31 - 1));
  };

  // OIDC Core §3.1.3.7: received straight from the token endpoint over TLS, "the TLS server validation MAY be used to
  // validate the issuer in place of checking the token signature".
  const checked = (token, nonce) => {
    const claims = claimsOf(token);
    const audience = [claims.aud].flat();
    const wrong =
      claims.iss !== issuer ? "iss"
      : !audience.includes(clientId) || (audience[1] && claims.azp !== clientId) ? "aud"
      : !(claims.exp * second > Date.now() - leeway) ? "exp"
      : nonce && claims.nonce !== nonce ? "nonce"
      : !claims.sub ? "sub" : "";
    if (wrong) fail("id_token_invalid", `The ID token is not for this sign-in: ${wrong}.`);
    return claims;
  };

  const accept = (tokens, nonce) => {
    if (tokens.token_type?.toLowerCase() !== "bearer" || !tokens.access_token) {
      fail("invalid_response", "The answer holds no bearer token.");
    }
    if (tokens.refresh_token) {
      fail("token_delivery", "A refresh token reached this page: give the client --token-delivery cookie.");
    }
    const idToken = tokens.id_token ?? (nonce ? null : session?.idToken);
    const user = tokens.id_token || (nonce && scope.split(" ").includes("openid"))
      ? checked(tokens.id_token, nonce) : session?.user ?? {};
    if (session && session.user.sub !== user.sub) {
      // Somebody else signed in beside this tab. What is on the screen is the first one's: never go on as the second.
      end();
      personChanged();
    }
    const isNew = !session;
    const lifetime = (tokens.expires_in ?? 60) * second;
    session = { token: tokens.access_token, until: Date.now() + lifetime, idToken, user };
    patience = 2.5 * second;
    renewIn(lifetime - Math.min(60 * second, lifetime / 4));
    emit(isNew ? "signedin" : "refreshed", user);
  };

  /** One flight in this tab, one at a time among all tabs. False: nobody is signed in. */
  const refresh = () => flight ??= inTurn(async () => accept(await ask("refresh"))).then(() => true, (error) => {
    if (error.status !== 401) throw error;
    if (session) endEverywhere();
    return false;
  }).finally(() => { flight = null; });

  const takeAnswer = async (answer) => {
    const kept = sessionStorage.getItem(name);
    sessionStorage.removeItem(name);
    const pending = JSON.parse(kept);
    history.replaceState(history.state, "", pending?.returnTo ?? new URL(redirectURI).pathname);
    // A parameter that is there twice means nothing.
    const only = (parameter) => answer.getAll(parameter).length === 1 ? answer.get(parameter) : null;
    if (!pending || only("state") !== pending.state) {
      fail("state_mismatch", "This answer is to no sign-in that this page began.");
    }
    // RFC 9207 §2.4: clients "MUST compare the extracted and URL-decoded value to the issuer identifier".
    if (only("iss") !== issuer) fail("issuer_mismatch", "This answer is another issuer's.");
    if (answer.has("error")) fail(only("error"), only("error_description"), { traceId: only("trace_id") ?? "" });
    const url = await address("token_endpoint", {});
    await inTurn(async () => accept(await call(url, {
      method: "POST",
      credentials: "include",
      body: parameters({
        grant_type: "authorization_code",
        client_id: clientId,
        code: only("code"),
        redirect_uri: redirectURI,
        code_verifier: pending.verifier,
        resource,
      }),
    }), pending.nonce));
    channel.postMessage("signedin");
  };

  const fresh = async () => {
    const mine = era;
    if (session && Date.now() > session.until - 10 * second) {
      await refresh().catch((error) => {
        if (!session || Date.now() >= session.until) throw error;
      });
    }
    if (session && mine !== era) personChanged();
    return session?.token;
  };

  const authorized = (request, token) => {
    const headers = new Headers(request.headers);
    headers.set("Authorization", `Bearer ${token}`);
    // An answer that leads elsewhere must not take the token along.
    return new Request(request, { headers, redirect: "error" });
  };

  channel.onmessage = ({ data }) => {
    if (data === "signedout") end();
    if (data === "signedin") {
      refresh().catch((error) => error.code === "person_changed" ? refresh() : report(error)).catch(report);
    }
  };
  // A page that comes back from the browser's memory has heard nothing meanwhile.
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted && session) refresh().catch(report);
  });

  return {
    get user() { return session?.user ?? null; },

    on(type, listener) {
      (listeners[type] ??= new Set()).add(listener);
      return () => listeners[type].delete(listener);
    },

    async start() {
      const { origin, pathname, searchParams } = new URL(location.href);
      const target = new URL(redirectURI);
      const isAnswer = origin === target.origin && pathname === target.pathname && searchParams.has("state")
        && (searchParams.has("code") || searchParams.has("error"));
      if (isAnswer) await takeAnswer(searchParams);
      else if (!session) await refresh();
      return session?.user ?? null;
    },

    async signIn({ returnTo = location.href, ...more } = {}) {
      const back = new URL(returnTo, location.href);
      if (back.origin !== location.origin) fail("invalid_return", "A person returns to this origin only.");
      const pending = { verifier: random(), state: random(), nonce: random(), returnTo: back.href };
      const url = await address("authorization_endpoint", {
        ...more,
        response_type: "code",
        client_id: clientId,
        redirect_uri: redirectURI,
        scope,
        resource,
        state: pending.state,
        nonce: pending.nonce,
        code_challenge: base64url(await sha256(pending.verifier)),
        code_challenge_method: "S256",
      });
      sessionStorage.setItem(name, JSON.stringify(pending));
      location.assign(url);
    },

    /** True once there is a new token, false if nobody is signed in. */
    refresh,

    accessToken: fresh,

    async fetch(input, init) {
      const request = new Request(input, init);
      if (!origins.has(new URL(request.url).origin)) return send(request);
      const token = await fresh();
      if (!token) return send(request);
      const mine = era;
      const again = request.clone();
      const response = await send(authorized(request, token));
      if (response.status !== 401) return response;
      if (session?.token === token) await refresh().catch(report);
      return session && mine === era && session.token !== token
        ? send(authorized(again, session.token)) : response;
    },

    async signOut({ atProvider = true } = {}) {
      const url = await address("end_session_endpoint", {
        id_token_hint: session?.idToken,
        client_id: clientId,
        post_logout_redirect_uri: postLogoutRedirectURI,
      });
      // If this fails, the cookie is still there and so is the person: the caller is told, and nothing is pretended.
      await inTurn(() => ask("logout"));
      endEverywhere();
      if (atProvider) location.assign(url);
    },
  };
}
