// panva's jose as its manual shows it: node contender.mjs FOLDER.
//
// Reads commands from its standard input and answers each with one line of JSON, like every contender (../../README.md).
// The keys are KeyObjects, made once. Each operation is awaited before the next begins, as a request handler does.
import { createPrivateKey, createPublicKey, createSecretKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { jwtVerify, SignJWT } = await import(pathToFileURL(process.env.PANVA_JOSE).href);

const issuer = "https://id.example.org";
const audience = "https://orders.example";
const folder = process.argv[2];
const known = ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

const read = (algorithm, name) => readFileSync(`${folder}/${algorithm}.${name}`);

function prepare(algorithm) {
  if (!known.includes(algorithm)) return undefined;
  const isSecret = algorithm.startsWith("HS");
  const signing = isSecret ? createSecretKey(read(algorithm, "secret")) : createPrivateKey(read(algorithm, "private.pem"));
  const verifying = isSecret ? signing : createPublicKey(read(algorithm, "public.pem"));
  const claims = JSON.parse(read(algorithm, "claims"));
  const header = { alg: algorithm, typ: "at+jwt", kid: `bench-${algorithm}` };
  const expectations = { algorithms: [algorithm], issuer, audience, requiredClaims: ["exp"] };
  return {
    verify: async (token) => (await jwtVerify(token, verifying, expectations)).payload.sub.length,
    token: () => new SignJWT(claims).setProtectedHeader(header).sign(signing),
  };
}

async function repeated(operation, count) {
  let done = 0;
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; i++) done += await operation();
  const nanoseconds = Number(process.hrtime.bigint() - start);
  if (done < count) throw new Error("nothing was done");
  return nanoseconds;
}

async function measure(operation, seconds) {
  let count = 1;
  let duration = 0;
  while (duration < 20e6) {
    count *= 2;
    duration = await repeated(operation, count);
  }
  count = Math.max(1, Math.floor((count * seconds * 1e9) / duration));
  return { nanoseconds: (await repeated(operation, count)) / count, iterations: count };
}

async function accepts(verify, token) {
  try {
    return (await verify(token)) > 0;
  } catch {
    return false;
  }
}

async function answer([command, ...words]) {
  const algorithm = command === "check" ? words[0] : words[1];
  const operations = prepare(algorithm);
  if (operations === undefined) return { unsupported: true };
  if (command === "check") {
    const verdicts = { signed: await operations.token() };
    for (const name of ["good", "flipped", "audience", "expired"]) {
      verdicts[name] = await accepts(operations.verify, read(algorithm, name).toString());
    }
    return verdicts;
  }
  const token = read(algorithm, "good").toString();
  if (words[0] === "verify") return measure(() => operations.verify(token), Number(words[2]));
  if (words[0] === "sign") return measure(async () => (await operations.token()).length, Number(words[2]));
  return { unsupported: true };
}

for await (const line of createInterface({ input: process.stdin })) {
  let result;
  try {
    result = await answer(line.split(" "));
  } catch (error) {
    result = { error: String(error) };
  }
  process.stdout.write(JSON.stringify(result) + "\n");
}
