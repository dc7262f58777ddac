// Answers the questions of `lictor conformance run`: docs/conformance.md.

import { createInterface } from "node:readline";

import { Refused, judge, loadKeys } from "./lictor-license.mjs";

const pinned = new Map();

/** A set that is refused verifies nothing. */
async function keysOf(text) {
  if (!pinned.has(text)) pinned.set(text, await loadKeys(text).catch(() => new Map()));
  return pinned.get(text);
}

async function answer({ id, keys, token, status_list, seen, expect }) {
  try {
    await judge(await keysOf(keys), token, expect, status_list, seen);
    return { id, valid: true, code: null };
  } catch (error) {
    if (error instanceof Refused) return { id, valid: false, code: error.code };
    throw error;
  }
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
