// What may stand in the claims of each type. A reader answers the value, or throws a ClaimError: a wrong type never
// means "absent".

import { inflateSync } from "node:zlib";

import { JsonNumber } from "./strict-json.mjs";

export class ClaimError extends Error {}

function check(holds, why) {
  if (!holds) throw new ClaimError(why);
}

/** The one canonical form of base64url, without padding. */
export function fromBase64url(text) {
  const bytes = Buffer.from(text, "base64url");
  check(bytes.toString("base64url") === text, "no canonical base64url");
  return bytes;
}

const text = (maxBytes) => (value) => {
  check(typeof value === "string" && value !== "" && Buffer.byteLength(value) <= maxBytes, "no text of that length");
  check(!/[\u0000-\u001f\u007f-\u009f]/.test(value), "a control character");
  return value;
};

const integer = (low = 0, largest = Number.MAX_SAFE_INTEGER) => (value) => {
  check(value instanceof JsonNumber && /^[0-9]{1,16}$/.test(value.text), "no integer");
  const number = Number(value.text);
  check(number >= low && number <= largest, "out of bounds");
  return number;
};

const oneOf = (...words) => (value) => {
  check(words.includes(value), "no known word");
  return value;
};

export const binary = (size) => (value) => {
  check(typeof value === "string" && fromBase64url(value).length === size, `no ${size} bytes`);
  return value;
};

const array = (item) => (value) => {
  check(Array.isArray(value) && value.length <= 64, "no array of at most 64 items");
  return value.map(item);
};

const map = (name, item) => (value) => {
  check(value instanceof Map && value.size <= 64, "no map of at most 64 members");
  return new Map([...value].map(([key, each]) => [name(key), item(each)]));
};

/** An object with these members, each with its reader; others are left out. */
const members = (required, optional = {}) => (value) => {
  check(value instanceof Map, "no object");
  for (const name of Object.keys(required)) check(value.has(name), `${name} is missing`);
  const known = Object.entries({ ...required, ...optional }).filter(([name]) => value.has(name));
  return Object.fromEntries(known.map(([name, read]) => [name, read(value.get(name))]));
};

/** In ten-thousandths, never through a float. */
export function amount(value) {
  const digits = value instanceof JsonNumber ? value.text : value;
  const found = typeof digits === "string" ? /^(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,4}))?$/.exec(digits) : null;
  check(found !== null && Number(found[1]) < 900_000_000_000, "no amount");
  return BigInt(found[1]) * 10_000n + BigInt((found[2] ?? "").padEnd(4, "0"));
}

function term(value) {
  check(typeof value === "string" && /^(?:permanent|P[1-9][0-9]{0,3}[DMY])$/.test(value), "no term");
  return value;
}

/** How many of the enrolled components must match. */
export const needed = (enrolled) => ({ 3: 2, 4: 3, 5: 3, 6: 4 })[enrolled] ?? enrolled;

const name = text(128);
export const uri = text(255);
const time = integer();
const version = integer(1, 1);
const env = oneOf("live", "test");
const components = map(oneOf("os", "fw", "brd", "dsk", "net", "fp"), binary(16));

function machine(value) {
  const read = members({ v: version, k: time, c: components })(value);
  check(read.c.size > 0 && read.k === needed(read.c.size), "k is not what the format asks for");
  return read;
}

function quotaPackage(value) {
  const read = members(
    { metric: name, unit: name, amount, reset: oneOf("none", "hour", "day", "week", "month", "year") },
    { total: amount, share: time, from: time, until: time },
  )(value);
  const share = ["share", "from", "until"].filter((member) => member in read);
  check(share.length === 0 || (share.length === 3 && read.from < read.until), "half a share");
  return read;
}

const policy = members({}, {
  status: oneOf("require", "prefer", "ignore"),
  max_status_age: time,
  max_offline: time,
  enforcement: oneOf("enforce", "warn", "advise"),
  binding: oneOf("hardware", "device-key", "floating", "none"),
});
const lic = { v: version, env, term, spec: members({ sku: name }, { attributes: map(name, name) }) };
const licOptional = { quota: array(quotaPackage), upd: time, policy, grace_secs: time };
const common = { iss: uri, aud: name, sub: name, jti: name, iat: time, nbf: time };
const commonOptional = {
  entitlements: array(name),
  status: members({ status_list: members({ idx: time, uri }) }),
};

const license = members(
  { ...common, lic: members(lic, { ...licOptional, machines: integer(1, 2 ** 32 - 1) }) },
  { ...commonOptional, exp: time },
);
const certificate = members(
  {
    ...common,
    exp: time,
    lic: members(
      { ...lic, act: name, gen: time, renew: time },
      { ...licOptional, end: time, machine, ledger: members({ key: binary(32), head: binary(32), seq: time }) },
    ),
  },
  { ...commonOptional, nonce: name, cnf: members({ jkt: binary(32) }) },
);
const statusList = members(
  {
    iss: uri,
    sub: uri,
    iat: time,
    exp: time,
    status_list: members({ bits: integer(2, 2), lst: inflate }),
    lic: members({ v: version, env, seq: time }),
  },
  { ttl: time },
);

/** Exactly 2^17 entries of 2 bits; nothing beyond is inflated, nothing may stand behind. */
function inflate(value) {
  const stream = fromBase64url(text(65_536)(value));
  try {
    const { buffer, engine } = inflateSync(stream, { info: true, maxOutputLength: 32_768 });
    check(buffer.length === 32_768 && engine.bytesWritten === stream.length, "not one whole stream of 32,768 bytes");
    return buffer;
  } catch (error) {
    throw new ClaimError(error.message);
  }
}

/** The claims of a payload; what is optional and not there is undefined. */
export function readClaims(typ, payload) {
  const read = { "license+jwt": license, "license-activation+jwt": certificate, "statuslist+jwt": statusList }[typ];
  const claims = read(payload);
  const end = typ === "license-activation+jwt" ? claims.lic.end : claims.exp;
  check(end !== undefined || claims.lic.term === "permanent", "no end, and not permanent");
  check(claims.exp === undefined || (claims.nbf ?? claims.iat) < claims.exp, "an empty span");
  return { typ, ...claims };
}
