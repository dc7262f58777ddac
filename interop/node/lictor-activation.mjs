// Activates this machine once, and then holds for as long as its certificate does, without a network.
//
// What has to be kept stands in one small file: license key, certificate, status lists and the largest signed time seen.
// The calls: docs/api.md, "Activate", "Renew" and "Release".
//
//   const here = await Installation.open({ server, keys, iss, aud, env: "live", path: "license.json" });
//   await here.activate(pastedKey, await readMachine());     // once, with the network
//   const claims = await here.check(await readMachine(), now);   // at every start, without
//   await here.maintain(await readMachine(), now);           // now and then, when there is a network

import { createHash, createHmac, randomBytes } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";

import { Refused, checkRecipient, checkStatus, judge, statusListFor, verify } from "./lictor-license.mjs";

const TIMEOUT_MILLIS = 10_000;
const KEY = "license+jwt";
const CERTIFICATE = "license-activation+jwt";
const SOURCES = {
  // of Linux; without the rights to read one, it is left out
  os: "/etc/machine-id",
  fw: "/sys/class/dmi/id/product_uuid",
  brd: "/sys/class/dmi/id/board_serial",
};
const PLACEHOLDERS = [
  "tobefilledbyoem", "defaultstring", "default", "notspecified", "none", "unknown", "0123456789", "na",
];

/** The server said no: `code` and `nextAction` of its problem document. */
export class ServerRefused extends Error {
  constructor(problem) {
    super(problem.reason ?? problem.code);
    this.code = problem.code;
    this.nextAction = problem.next_action;
  }
}

/** No answer came, or none that the service gives: what is kept decides, and later is another time. */
export class Unreachable extends Error {}

/** Component -> raw value, of what this machine lets be read. */
export async function readMachine() {
  const read = async ([component, path]) => [component, await readFile(path, "utf8").catch(() => "")];
  return Object.fromEntries(await Promise.all(Object.entries(SOURCES).map(read)));
}

/** Component -> commitment: no raw serial leaves the machine. Placeholders count as absent. */
export function committed(issuer, product, values) {
  const salt = createHash("sha256").update(`lictor-machine-v1\0${issuer}\0${product}`).digest();
  const commitments = {};
  for (const [component, value] of Object.entries(values)) {
    const bare = value.replace(/[^\p{Alphabetic}\p{N}]/gu, "").toLowerCase();
    if (new Set(bare).size < 2 || PLACEHOLDERS.includes(bare)) continue;
    const text = value.replace(/^[ \t\n\f\r\0]+|[ \t\n\f\r\0]+$/g, "").replace(/[A-Z]/g, (letter) => letter.toLowerCase());
    const mac = createHmac("sha256", salt).update(`${component}\0${text}`).digest();
    commitments[component] = mac.subarray(0, 16).toString("base64url");
  }
  return commitments;
}

export class Installation {
  #config;

  constructor(config, state) {
    this.#config = config;
    this.state = state;
  }

  static async open(config) {
    const kept = await readFile(config.path, "utf8").catch(() => '{"floor":0,"lists":{}}');
    return new Installation(config, JSON.parse(kept));
  }

  // --- without the network

  /** The certificate's claims if it holds on this machine now; throws Refused otherwise. */
  async check(values, now) {
    const { keys } = this.#config;
    const { certificate, license_key: licenseKey, floor } = this.state;
    if (certificate === undefined) throw new Refused("activation_required", "this machine was never activated");
    const expected = { ...this.#expected(CERTIFICATE, now), machine: this.#committed(values) };
    const list = this.#listOf(await verify(keys, certificate, CERTIFICATE));
    const claims = await judge(keys, certificate, expected, list?.text, list?.seen);
    // The license key may have ended while the certificate that was renewed after it holds: its standing counts.
    const key = await verify(keys, licenseKey, KEY);
    checkRecipient(key, this.#expected(KEY, now));
    const kept = this.#listOf(key);
    checkStatus(key, await statusListFor(keys, key, kept?.text), kept?.text, kept?.seen, Math.max(now, floor));
    return claims;
  }

  #expected(typ, now) {
    const { iss, aud, env } = this.#config;
    return { typ, iss, aud, env, now, floor: this.state.floor };
  }

  #committed(values) {
    return committed(this.#config.iss, this.#config.aud, values);
  }

  /** Text and remembered numbers of the list that a token names. */
  #listOf(claims) {
    const kept = this.state.lists[claims.status?.status_list.uri];
    return kept && { text: kept.text, seen: { seq: kept.seq, iat: kept.iat, status_list: kept.text } };
  }

  // --- with it

  /** Takes a place for this machine; again, it keeps the one that it has. */
  async activate(licenseKey, values) {
    const machine = { components: this.#committed(values) };
    await this.#take("/v1/activations", { license_key: licenseKey, machine });
  }

  /** A new certificate, and the current license key: what was paid since then arrives without a new paste. */
  async renew(values) {
    const machine = { components: this.#committed(values) };
    const { certificate, activation_id: id } = this.state;
    await this.#take(`/v1/activations/${id}/renew`, { certificate, machine });
  }

  /** Gives the place back. */
  async release() {
    const { certificate, activation_id: id, floor } = this.state;
    await this.#call(`/v1/activations/${id}/release`, { certificate });
    await rm(this.#config.path, { force: true });
    this.state = { floor, lists: {} };
  }

  /** Renews when it is time, and fetches the lists. */
  async maintain(values, now) {
    const { keys } = this.#config;
    const { lic } = await verify(keys, this.state.certificate, CERTIFICATE);
    if (now >= lic.renew) await this.renew(values);
    for (const [typ, token] of [[KEY, this.state.license_key], [CERTIFICATE, this.state.certificate]]) {
      const claims = await verify(keys, token, typ);
      if (claims.status !== undefined) await this.#fetchList(claims);
    }
    await this.#save();
  }

  async #take(path, request) {
    // One request, one nonce: whoever sends it again because the answer was lost gets the same certificate.
    this.state.nonce ??= randomBytes(16).toString("base64url");
    await this.#save();
    const answer = await this.#call(path, { ...request, nonce: this.state.nonce });
    for (const [typ, name] of [[KEY, "license_key"], [CERTIFICATE, "certificate"]]) {
      const claims = await verify(this.#config.keys, answer[name], typ);
      checkRecipient(claims, this.#expected(typ, 0));
      this.#raiseFloor(claims);
      this.state[name] = answer[name];
    }
    this.state.activation_id = answer.activation_id;
    delete this.state.nonce;
    await this.#save();
  }

  async #fetchList(claims) {
    const { uri } = claims.status.status_list;
    const kept = this.state.lists[uri];
    const headers = kept?.etag ? { "If-None-Match": kept.etag } : {};
    const answer = await this.#fetch(new URL(uri).pathname, { headers });
    if (answer.status === 304) return;
    if (answer.status !== 200) throw new Unreachable(`status ${answer.status}`);
    const text = await answer.text();
    // One that does not verify, or is older than the one that is kept, never replaces it.
    const listed = await statusListFor(this.#config.keys, claims, text);
    if (listed === undefined || (kept && (listed.lic.seq <= kept.seq || listed.iat < kept.iat))) return;
    this.#raiseFloor(listed);
    this.state.lists[uri] = { text, etag: answer.headers.get("etag"), seq: listed.lic.seq, iat: listed.iat };
  }

  #raiseFloor(claims) {
    this.state.floor = Math.max(this.state.floor, claims.iat);
  }

  async #call(path, body) {
    const headers = { "Content-Type": "application/json" };
    const answer = await this.#fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
    if (answer.ok) return answer.json();
    const isProblem = answer.headers.get("content-type")?.startsWith("application/problem+json");
    throw isProblem ? new ServerRefused(await answer.json()) : new Unreachable(`status ${answer.status}`);
  }

  async #fetch(path, request) {
    const signal = AbortSignal.timeout(TIMEOUT_MILLIS);
    try {
      return await fetch(this.#config.server + path, { ...request, signal });
    } catch (error) {
      throw new Unreachable(error.message, { cause: error });
    }
  }

  async #save() {
    const beside = `${this.#config.path}.new`;
    await writeFile(beside, JSON.stringify(this.state));
    await rename(beside, this.#config.path);
  }
}
