// panva's jose as a peer: one JSON request a line in, one answer a line out, as JOSEPeer does it. See peers.py.
'use strict';
const jose = require('jose');
const readline = require('node:readline');

const importKey = async (jwk, alg) => jose.importJWK({ ...jwk }, alg);

async function generate(kind) {
  const octets = /^oct(\d+)$/.exec(kind);
  if (octets) {
    const bytes = require('node:crypto').randomBytes(Number(octets[1]) / 8);
    return { kty: 'oct', k: jose.base64url.encode(bytes) };
  }
  const options = { extractable: true };
  const named = { RSA: ['RS256'], Ed25519: ['EdDSA', { crv: 'Ed25519' }], X25519: ['ECDH-ES', { crv: 'X25519' }] };
  const curves = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' };
  const [alg, more] = named[kind] ?? [curves[kind] ?? kind];
  const { privateKey } = await jose.generateKeyPair(alg, { ...options, ...more });
  return jose.exportJWK(privateKey);
}

const operations = {
  version: async () => require('jose/package.json').version,
  keygen: async ({ kind }) => generate(kind),
  sign: async ({ jwk, alg, claims }) =>
    new jose.SignJWT(claims).setProtectedHeader({ alg, typ: 'JWT' }).sign(await importKey(jwk, alg)),
  verify: async ({ jwk, alg, token, issuer, audience }) => {
    const options = { algorithms: [alg], issuer, audience, typ: 'JWT', requiredClaims: ['exp'] };
    return (await jose.jwtVerify(token, await importKey(jwk, alg), options)).payload;
  },
  signJSON: async ({ jwk, alg, text }) =>
    new jose.FlattenedSign(new TextEncoder().encode(text)).setProtectedHeader({ alg }).sign(await importKey(jwk, alg)),
  verifyJSON: async ({ jwk, alg, jws }) => {
    const verified = await jose.flattenedVerify(jws, await importKey(jwk, alg), { algorithms: [alg] });
    return new TextDecoder().decode(verified.payload);
  },
  encrypt: async ({ jwk, alg, enc, text, cty }) =>
    new jose.CompactEncrypt(new TextEncoder().encode(text))
      .setProtectedHeader({ alg, enc, ...(cty && { cty }) })
      .encrypt(await importKey(jwk, alg === 'dir' ? enc : alg)),
  decrypt: async ({ jwk, alg, enc, token }) => {
    const options = { keyManagementAlgorithms: [alg], contentEncryptionAlgorithms: [enc] };
    const key = await importKey(jwk, alg === 'dir' ? enc : alg);
    return new TextDecoder().decode((await jose.compactDecrypt(token, key, options)).plaintext);
  },
  thumbprint: async ({ jwk }) => jose.calculateJwkThumbprint(jwk),
  thumbprintURI: async ({ jwk }) => jose.calculateJwkThumbprintUri(jwk),
  toPEM: async ({ jwk, alg }) => {
    const key = await importKey(jwk, alg);
    return jwk.d === undefined ? jose.exportSPKI(key) : jose.exportPKCS8(key);
  },
  fromPEM: async ({ pem, alg }) => {
    const read = pem.includes('PRIVATE') ? jose.importPKCS8 : jose.importSPKI;
    return jose.exportJWK(await read(pem, alg, { extractable: true }));
  },
};

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let answer;
    try {
      const request = JSON.parse(line);
      answer = { result: await operations[request.op](request) };
    } catch (error) {
      answer = { error: { code: error.code ?? error.name, reason: String(error.message) } };
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
  }
}

main();
