// `@sd-jwt/jwt-status-list`: what does it read in a list or in a whole token, and how does it write one?
//
// JSON lines in: {"bits", "statuses"} to write, {"bits", "lst"} or {"token"} to read. JSON lines out, one per line read:
// {"lst"} or {"statuses"}.
//
// The only argument is the folder in which ./scripts/test installed the library.
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const installed = createRequire(join(resolve(process.argv[2]), "package.json"));
const library = await import(pathToFileURL(installed.resolve("@sd-jwt/jwt-status-list")));
const { StatusList, getListFromStatusListJWT } = library.default ?? library;

function answer({ bits, lst, statuses, token }) {
  if (statuses !== undefined) return { lst: new StatusList(statuses, bits).compressStatusList() };
  const list = token === undefined ? StatusList.decompressStatusList(lst, bits) : getListFromStatusListJWT(token);
  return { statuses: list.statusList };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + "\n");
}
