// The Standard Webhooks library for JavaScript: does it accept an event, and how does it sign one?
//
// JSON lines in: {"secret", "id", "timestamp", "body"} to sign, the same with "signature" to verify; `timestamp` in seconds.
// JSON lines out, one per line read: {"signature"}, or {"valid"} with "why" when it is false. It goes by the machine's clock.
//
// The only argument is the folder in which ./scripts/test installed `standardwebhooks`.
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const installed = createRequire(join(resolve(process.argv[2]), "package.json"));
const library = await import(pathToFileURL(installed.resolve("standardwebhooks")));
const Webhook = library.Webhook ?? library.default.Webhook;

function answer({ secret, id, timestamp, signature, body }) {
  const webhook = new Webhook(secret);
  if (signature === undefined) {
    return { signature: webhook.sign(id, new Date(Number(timestamp) * 1000), body) };
  }
  const headers = { "webhook-id": id, "webhook-timestamp": String(timestamp), "webhook-signature": signature };
  try {
    webhook.verify(body, headers);
  } catch (error) {
    return { valid: false, why: `${error.name}: ${error.message}` };
  }
  return { valid: true };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + "\n");
}
