// The service that the usual tutorial ends with: Express, panva's jose, Redis. An HS256 access token for 15 minutes, a refresh
// token for 7 days with a jti; a used or revoked jti goes to a denylist in Redis, and the middleware looks there. Nothing of it
// survives a crash of Redis, which keeps its data in memory, and a family of refresh tokens does not exist.
//
// ACCESS_SECRET=… REFRESH_SECRET=… PASSWORD=… node server.cjs PORT REDIS-PORT: as jose's manual shows it, with the secret as bytes at every call.
// SIGNET_BENCH_PREPARED=1 makes a KeyObject of it once instead.
const crypto = require('node:crypto');
const express = require('express');
const jose = require('jose');
const { createClient } = require('redis');

const [port, redisPort] = process.argv.slice(2).map(Number);
const issuer = `http://127.0.0.1:${port}`;
const audience = 'https://orders.example';
const isPrepared = process.env.SIGNET_BENCH_PREPARED === '1';
const key = (text) => (isPrepared ? crypto.createSecretKey(text, 'utf8') : new TextEncoder().encode(text));
const accessKey = key(process.env.ACCESS_SECRET);
const refreshKey = key(process.env.REFRESH_SECRET);
const days = 86400;

// One person. scrypt stands for the hash of a password, with the standard parameters of Node.
const salt = crypto.randomBytes(16);
const stored = crypto.scryptSync(process.env.PASSWORD, salt, 32);

const redis = createClient({ url: `redis://127.0.0.1:${redisPort}` });
const app = express();
app.use(express.urlencoded({ extended: false }));
app.use(express.json());

const sign = (subject, lifetime, kind) =>
  new jose.SignJWT({ scope: 'orders:read' })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer(issuer)
    .setSubject(subject)
    .setAudience(kind === accessKey ? audience : issuer)
    .setJti(crypto.randomUUID())
    .setIssuedAt()
    .setExpirationTime(lifetime)
    .sign(kind);

const pair = async (subject) => {
  const [access, refresh] = await Promise.all([sign(subject, '15m', accessKey), sign(subject, '7d', refreshKey)]);
  return { access_token: access, token_type: 'Bearer', expires_in: 900, scope: 'orders:read', refresh_token: refresh };
};

// The claims of a token that is good and not on the denylist.
const verified = async (token, kind) => {
  const expected = { issuer, audience: kind === accessKey ? audience : issuer, algorithms: ['HS256'] };
  const { payload } = await jose.jwtVerify(token, kind, expected);
  if (await redis.exists(`denied:${payload.jti}`)) throw new Error('revoked');
  return payload;
};

const deny = (payload) => redis.set(`denied:${payload.jti}`, '1', { EX: 7 * days });

const authenticated = async (request, response, next) => {
  try {
    request.user = await verified((request.headers.authorization || '').slice('Bearer '.length), accessKey);
    next();
  } catch {
    response.status(401).json({ error: 'invalid_token' });
  }
};

app.post('/login', (request, response) => {
  crypto.scrypt(request.body.password || '', salt, 32, async (error, hash) => {
    if (error || !crypto.timingSafeEqual(hash, stored)) return response.status(401).json({ error: 'invalid_grant' });
    response.json(await pair(request.body.username));
  });
});

app.post('/token', async (request, response) => {
  try {
    const payload = await verified(request.body.refresh_token || '', refreshKey);
    await deny(payload);
    response.json(await pair(payload.sub));
  } catch {
    response.status(400).json({ error: 'invalid_grant' });
  }
});

app.post('/logout', authenticated, async (request, response) => {
  await deny(request.user);
  response.status(200).end();
});

app.get('/me', authenticated, (request, response) => response.json({ sub: request.user.sub }));

redis.connect().then(() => app.listen(port, '127.0.0.1'));
