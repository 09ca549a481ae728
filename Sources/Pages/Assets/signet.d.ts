/** Types of signet.js: https://ISSUER/assets/signet.js, or a copy of it in your own bundle. */

export interface ClientOptions {
  /** The issuer's URL, exactly as it stands in its metadata: no slash at the end unless that has one. */
  issuer: string;
  /** A public client, registered with `--token-delivery cookie`. */
  clientId: string;
  /** Registered with the client; a page of this origin that calls `start()`. */
  redirectURI: string;
  /** Registered with the client; where the provider sends the person after signing out. */
  postLogoutRedirectURI?: string;
  /** Scopes, separated by spaces; "openid" if none are given. `offline_access` brings the silent refresh. */
  scope?: string;
  /** The APIs that the token is for (RFC 8707), as they are registered. */
  resource?: string | string[];
  /** Origins that `fetch` may send the token to. No other ever gets it. */
  apis?: string[];
  /** Sends the requests instead of `window.fetch`. */
  fetch?: typeof fetch;
}

/** What the ID token says; empty if the scope has no `openid`. Names and addresses are at userinfo. */
export interface User {
  /** Who it is, for good. */
  sub?: string;
  /** When they proved it, in seconds since 1970. */
  auth_time?: number;
  [claim: string]: unknown;
}

export interface Events {
  /** Somebody is signed in now: after the redirect, at the start, or because of another tab. */
  signedin: User;
  /** The token was renewed. */
  refreshed: User;
  /** Nobody is signed in any more: here, in another tab, or at the server. */
  signedout: undefined;
  /** Something went wrong that nobody was waiting for. */
  error: SignetError;
}

export interface SignInOptions {
  /** Where the person comes back to, on this origin; the present address if it is not given. */
  returnTo?: string;
  /** More parameters of the authorization request, such as `prompt`, `login_hint`, `ui_locales`. */
  [parameter: string]: string | undefined;
}

export interface Client {
  /** Who is signed in, or null. */
  readonly user: User | null;
  /** Call it once when the page loads, before a router looks at the address: takes the provider's answer, or refreshes. */
  start(): Promise<User | null>;
  /** Leaves the page for the provider's. */
  signIn(options?: SignInOptions): Promise<void>;
  /** Ends the session in every tab, then at the provider, where the page is left; with `atProvider: false` it stays. */
  signOut(options?: { atProvider?: boolean }): Promise<void>;
  /** Renews the token now. False: nobody is signed in. */
  refresh(): Promise<boolean>;
  /** Like `window.fetch`; requests to `apis` carry the token and are repeated once, renewed, after a 401. */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** A token that is good for now, for what `fetch` cannot do. Keep it nowhere. */
  accessToken(): Promise<string | undefined>;
  /** Listens; the answer ends it. */
  on<Type extends keyof Events>(type: Type, listener: (detail: Events[Type]) => void): () => void;
}

/**
 * Codes of its own: `unreachable`, `state_mismatch`, `issuer_mismatch`, `id_token_invalid`, `invalid_response`,
 * `invalid_return`, `person_changed`, `token_delivery`, `http_NNN`. Every other code is the server's.
 */
export class SignetError extends Error {
  readonly code: string;
  readonly description?: string;
  /** For `signet explain`; empty if the server did not answer. */
  readonly traceId: string;
  /** The HTTP status, or 0. */
  readonly status: number;
}

export function createClient(options: ClientOptions): Client;
