// The oracle in JavaScript: does `jose` accept a token?
//
// JSON lines in: {"jwks", "token", "typ", "aud", "iss"}; `aud` may be null (status lists have none).
// JSON lines out, one per line read: {"valid": true} or {"valid": false, "why"}; {"error"} for a line that is no question.
//
// The only argument is the folder in which ./scripts/test installed `jose`.
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const installed = createRequire(join(resolve(process.argv[2]), "package.json"));
const { createLocalJWKSet, errors, jwtVerify } = await import(pathToFileURL(installed.resolve("jose")));

const keysets = new Map();

// The same set comes with every line, so it is read once.
function keysOf(jwks) {
  const text = JSON.stringify(jwks);
  if (!keysets.has(text)) keysets.set(text, createLocalJWKSet(jwks));
  return keysets.get(text);
}

async function verify({ jwks, token, typ, aud, iss }) {
  const { payload } = await jwtVerify(token, keysOf(jwks), {
    algorithms: ["EdDSA"],
    typ,
    issuer: iss,
    ...(aud === null ? {} : { audience: aud }),
    requiredClaims: ["iss", "iat", "sub"],
  });
  // jose lets a token without `exp` pass: right for permanent licenses only.
  if (payload.exp === undefined && payload.lic?.term !== "permanent") {
    throw new errors.JWTInvalid("no exp, and not permanent");
  }
}

async function answer(line) {
  let question;
  try {
    question = JSON.parse(line);
  } catch (error) {
    return { error: error.message };
  }
  try {
    await verify(question);
  } catch (error) {
    return { valid: false, why: `${error.code ?? error.name}: ${error.message}` };
  }
  return { valid: true };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await answer(line)) + "\n");
}
