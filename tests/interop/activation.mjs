// Uses interop/node as a customer's software would; told what to do line by line, it answers line by line.

import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const modules = pathToFileURL(`${process.argv[2]}/`);
const { Refused, loadKeys } = await import(new URL("lictor-license.mjs", modules));
const { Installation, ServerRefused, Unreachable } = await import(new URL("lictor-activation.mjs", modules));

const HERE = { os: "4c4c4544-0042\n", fw: "03D502E0-045E", brd: "To be filled by O.E.M." };
const ELSEWHERE = { os: "another-machine-id", fw: "another-firmware" };

async function run(task) {
  const keys = await loadKeys(await readFile(task.keys, "utf8"));
  const { server, issuer: iss, state: path } = task;
  const here = await Installation.open({ server, keys, iss, aud: "acme-cad", env: "live", path });
  const values = task.elsewhere ? ELSEWHERE : HERE;
  switch (task.do) {
    case "activate":
      return here.activate(task.license_key, values);
    case "check":
      return (await here.check(values, task.now)).lic.gen;
    case "maintain":
      return here.maintain(values, task.now);
    default:
      return here.release();
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { ok: (await run(JSON.parse(line))) ?? null };
  } catch (error) {
    if (error instanceof Unreachable) answer = { code: "unreachable" };
    else if (error instanceof Refused || error instanceof ServerRefused) answer = { code: error.code };
    else throw error;
  }
  console.log(JSON.stringify(answer));
}
