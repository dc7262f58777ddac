// Verifies lictor's license keys, activation certificates and status lists, without a network.
//
// `jose` checks the signature. What the token format asks for beyond RFC 7515 is checked here, before and after it:
// docs/token-format.md. `judge` takes the steps of its section "Verification" in their order.
//
//   const keys = await loadKeys(await readFile("keys.json", "utf8"));    // what `lictor keys public` printed
//   const now = Math.floor(Date.now() / 1000);
//   const claims = await judge(keys, text, { typ: "license+jwt", iss, aud, env: "live", now });

import { compactVerify, errors } from "jose";

import { ClaimError, amount, binary, fromBase64url, needed, readClaims } from "./claims.mjs";
import { isBelowOrder, isStrongPoint, loadKeys } from "./keys.mjs";
import { strictJson } from "./strict-json.mjs";

export { loadKeys };

const DAY = 86_400;
const MAX_BYTES = { "license+jwt": 8_192, "license-activation+jwt": 8_192, "statuslist+jwt": 65_536 };
const ROLES = new Map([
  ["license+jwt", "license"],
  ["license-activation+jwt", "activation"],
  ["statuslist+jwt", "status"],
  ["license-keyset+jwt", "root"],
  ["license-activation-request+jwt", undefined], // signed by a device key: no pinned one fits
]);
const ALGORITHMS = ["EdDSA", "Ed25519"];
const ENTRIES = 2 ** 17;

/** The answer is no; `code` is the stable one of the step that failed. */
export class Refused extends Error {
  constructor(code, why = "") {
    super(`${code}: ${why}`);
    this.code = code;
  }
}

function refuseIf(holds, code, why) {
  if (holds) throw new Refused(code, why);
}

/**
 * The claims of a token that is good here and now; throws Refused otherwise.
 *
 * `expected`: typ, iss, aud, env, now; floor (largest signed time seen so far), machine (component -> commitment of what
 * can be read here; undefined: not asked about), device_key, entitlements, quota.
 * `seen`: seq, iat and text (`status_list`) of the newest list of this token's address.
 */
export async function judge(keys, token, expected, statusList, seen) {
  const claims = await verify(keys, token, expected.typ);
  const listed = await statusListFor(keys, claims, statusList);
  const effectiveNow = Math.max(expected.now, expected.floor ?? 0, claims.iat, listed?.iat ?? 0);
  checkRecipient(claims, expected);
  checkTime(claims, expected, effectiveNow);
  checkMachine(claims, expected);
  checkStatus(claims, listed, statusList, seen, effectiveNow);
  checkGrants(claims, expected);
  return claims;
}

/** Steps 1 to 5: the claims of a genuine token of that type. */
export async function verify(keys, token, typ) {
  const { header, payload, signature } = parse(token, MAX_BYTES[typ]);
  const [alg, named, kid] = ["alg", "typ", "kid"].map((name) => header.get(name));
  const strings = [alg, named, kid].every((value) => typeof value === "string");
  refuseIf(header.size !== 3 || !strings, "bad_header", "not exactly alg, typ and kid");
  refuseIf(!ALGORITHMS.includes(alg), "bad_header", "another algorithm");
  const actual = bareType(named);
  const key = keys.get(kid);
  refuseIf(key === undefined, "unknown_key", "not pinned");
  refuseIf(ROLES.has(actual) && ROLES.get(actual) !== key.role, "unknown_key", "its role does not sign this");
  refuseIf(payload.get("iss") !== key.issuer, "unknown_key", "it belongs to another issuer");
  const canonical = isBelowOrder(signature.subarray(32)) && isStrongPoint(signature.subarray(0, 32));
  refuseIf(!canonical, "bad_signature", "R or S is not canonical, or R is weak");
  try {
    await compactVerify(token, key.public, { algorithms: ALGORITHMS });
  } catch (error) {
    if (error instanceof errors.JOSEError) throw new Refused("bad_signature", error.message);
    throw error;
  }
  refuseIf(actual !== typ, "wrong_type", named);
  return malformedIfThrown(() => readClaims(typ, payload));
}

/** Header, payload and signature. Nothing in them may be believed. */
function parse(token, maxBytes) {
  return malformedIfThrown(() => {
    const segments = token.split(".");
    if (Buffer.byteLength(token) > maxBytes || segments.length !== 3) throw new ClaimError("no three short segments");
    const [header, payload] = segments.slice(0, 2).map((segment) => strictJson(fromBase64url(segment)));
    if (!(header instanceof Map && payload instanceof Map)) throw new ClaimError("no JSON objects");
    return { header, payload, signature: fromBase64url(binary(64)(segments[2])) };
  });
}

function malformedIfThrown(read) {
  try {
    return read();
  } catch (error) {
    const known = error instanceof ClaimError || error instanceof SyntaxError;
    throw known ? new Refused("malformed", error.message) : error;
  }
}

/** Lower case by ASCII only, without `application/`. */
function bareType(typ) {
  const lower = typ.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return lower.startsWith("application/") ? lower.slice("application/".length) : lower;
}

export function checkRecipient(claims, expected) {
  refuseIf(claims.iss !== expected.iss, "wrong_issuer");
  refuseIf(claims.aud !== undefined && claims.aud !== expected.aud, "wrong_audience");
  refuseIf(claims.lic.env !== expected.env, "wrong_environment");
}

function checkTime(claims, expected, effectiveNow) {
  refuseIf(effectiveNow < (claims.nbf ?? claims.iat), "not_yet_valid");
  refuseIf(claims.exp !== undefined && effectiveNow >= claims.exp, "expired");
  const matters = claims.exp !== undefined || statusRule(claims) === "require";
  refuseIf(matters && effectiveNow - expected.now > DAY, "clock_suspect");
}

function checkMachine(claims, expected) {
  if (expected.machine === undefined || claims.typ === "statuslist+jwt") return;
  const binding = claims.lic.policy?.binding ?? "hardware";
  if (claims.typ === "license+jwt") {
    refuseIf(binding !== "none", "activation_required");
    return;
  }
  const enrolled = claims.lic.machine?.c ?? new Map();
  const deviceKey = claims.cnf?.jkt;
  const unbound = enrolled.size === 0 && deviceKey === undefined;
  const matches = unbound ? ["none", "floating"].includes(binding) : isMachine(enrolled, deviceKey, expected);
  refuseIf(!matches, "wrong_machine");
}

function isMachine(enrolled, deviceKey, expected) {
  const offered = new Map(Object.entries(expected.machine));
  if (deviceKey !== undefined && deviceKey !== expected.device_key) return false;
  if (enrolled.has("fw") && offered.has("fw") && enrolled.get("fw") !== offered.get("fw")) return false;
  const same = [...enrolled].filter(([name, commitment]) => offered.get(name) === commitment).map(([name]) => name);
  const strong = deviceKey !== undefined || same.some((name) => ["os", "fw", "fp"].includes(name));
  return strong && same.length >= needed(enrolled.size);
}

/** The claims of the list that speaks about this token; undefined when there is none that verifies. */
export async function statusListFor(keys, claims, text) {
  if (text === undefined || claims.status === undefined) return undefined;
  try {
    const listed = await verify(keys, text, "statuslist+jwt");
    const ofMerchant = listed.iss === claims.iss && listed.lic.env === claims.lic.env;
    return ofMerchant && listed.sub === claims.status.status_list.uri ? listed : undefined;
  } catch (error) {
    if (error instanceof Refused) return undefined;
    throw error;
  }
}

function statusRule(claims) {
  return claims.typ === "statuslist+jwt" ? "ignore" : (claims.lic.policy?.status ?? "prefer");
}

export function checkStatus(claims, listed, text, seen, effectiveNow) {
  const required = statusRule(claims) === "require";
  if (statusRule(claims) === "ignore") return;
  if (listed === undefined) {
    refuseIf(required, "status_missing");
    return;
  }
  refuseIf(seen !== undefined && isRolledBack(listed, text, seen), "status_rolled_back");
  const index = claims.status.status_list.idx;
  refuseIf(index >= ENTRIES, "status_missing", "no entry of this index");
  const entry = (listed.status_list.lst[Math.floor(index / 4)] >> (2 * (index % 4))) & 3;
  refuseIf(entry !== 0, ["valid", "revoked", "suspended", "superseded"][entry]);
  const maxAge = claims.lic.policy?.max_status_age ?? Infinity;
  const stale = effectiveNow >= listed.exp || effectiveNow - listed.iat >= maxAge;
  refuseIf(stale && required, "status_stale");
}

function isRolledBack(listed, text, seen) {
  const { seq } = listed.lic;
  const otherText = seen.status_list !== undefined && seen.status_list !== text;
  return seq < seen.seq || listed.iat < seen.iat || (seq === seen.seq && otherText);
}

function checkGrants(claims, expected) {
  const granted = claims.entitlements ?? [];
  refuseIf(!(expected.entitlements ?? []).every((needed) => granted.includes(needed)), "not_entitled");
  for (const need of expected.quota ?? []) {
    const packages = (claims.lic.quota ?? []).filter((each) => each.metric === need.metric);
    const sum = packages.reduce((total, each) => total + each.amount, 0n);
    refuseIf(sum < amount(need.amount), "quota_exhausted");
  }
}
