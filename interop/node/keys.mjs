// Pinned keys: a JWK Set as `lictor keys public` prints it, each key bound to one issuer and one role.

import { createHash } from "node:crypto";

import { importJWK } from "jose";

import { fromBase64url, uri } from "./claims.mjs";
import { strictJson } from "./strict-json.mjs";

const KEY_SET_MAX_BYTES = 65_536;
const ROLES = ["root", "license", "activation", "status"];

const P = 2n ** 255n - 19n;
/** Order of the base point, RFC 8032. */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
const Y_OF_ORDER_8 = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;
const SMALL_ORDER = [0n, 1n, P - 1n, Y_OF_ORDER_8, P - Y_OF_ORDER_8];

function fromLittleEndian(bytes) {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

function isSquare(number) {
  let [result, base] = [1n, number % P];
  for (let exponent = (P - 1n) / 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % P;
    base = (base * base) % P;
  }
  return result === 1n;
}

/** On the curve, in canonical form, not of small order. */
export function isStrongPoint(bytes) {
  const y = fromLittleEndian(bytes) & (2n ** 255n - 1n);
  // x² = (y² − 1) / (dy² + 1), here times a square.
  return y < P && !SMALL_ORDER.includes(y) && isSquare((y * y - 1n) * (D * y * y + 1n));
}

export function isBelowOrder(bytes) {
  return fromLittleEndian(bytes) < L;
}

/** Keys by `kid`; throws when the set has to be refused as a whole. */
export async function loadKeys(text) {
  if (Buffer.byteLength(text) > KEY_SET_MAX_BYTES) throw new Error("the set is too long");
  const set = strictJson(Buffer.from(text));
  const entries = set instanceof Map ? set.get("keys") : undefined;
  if (!Array.isArray(entries)) throw new Error("no JWK Set");
  const keys = new Map();
  for (const entry of entries) {
    const key = await loadKey(entry);
    if (key === undefined) continue;
    if (keys.has(key.kid)) throw new Error("a key stands twice");
    keys.set(key.kid, key);
  }
  if (keys.size === 0) throw new Error("no key is left");
  return keys;
}

/** undefined for a key that verifies nothing here. */
async function loadKey(jwk) {
  if (!(jwk instanceof Map) || jwk.has("d")) throw new Error("no public key");
  const member = (name) => {
    if (typeof jwk.get(name) !== "string") throw new Error(`${name} is missing or no string`);
    return jwk.get(name);
  };
  if (member("kty") !== "OKP" || jwk.get("crv") !== "Ed25519") return undefined;
  if (jwk.has("use") && jwk.get("use") !== "sig") return undefined;
  if (!ROLES.includes(member("role"))) return undefined;
  const [x, kid] = [member("x"), member("kid")];
  const point = fromBase64url(x);
  if (point.length !== 32 || !isStrongPoint(point)) throw new Error("x is no strong point");
  if (kid !== thumbprint(x)) throw new Error("kid is not the thumbprint");
  const issuer = uri(member("iss"));
  return { kid, role: member("role"), issuer, public: await importJWK({ kty: "OKP", crv: "Ed25519", x }, "EdDSA") };
}

/** RFC 7638. */
function thumbprint(x) {
  return createHash("sha256").update(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`).digest("base64url");
}
