// What the scripts share: Chromium, the test that started them, and what no page may ever do.
//
// Arguments: the folder in which ./scripts/test installed what drives Chromium, and the folder for pictures. Standard input
// and output: lines of JSON; the first line read says what there is, each line written asks the test for something, and the
// next line read answers it.
import { mkdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const installed = createRequire(join(resolve(process.argv[2]), "package.json"));
const puppeteer = (await import(pathToFileURL(installed.resolve("puppeteer-core")))).default;

const ASKED_MAX = 10_000;

export const axe = await readFile(installed.resolve("axe-core/axe.min.js"), "utf8");
export const pictures = resolve(process.argv[3]);

const lines = createInterface({ input: process.stdin });
const read = lines[Symbol.asyncIterator]();

async function answer() {
  const { value, done } = await read.next();
  if (done) throw new Error("the test has ended");
  return JSON.parse(value);
}

export const told = await answer();

export async function ask(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
  return answer();
}

// Runs `act` with a browser, and ends with 1 when it throws or has found faults.
export async function withChromium(act) {
  await mkdir(pictures, { recursive: true });
  // The pages are this test's own, so nothing has to be kept inside of a sandbox, which containers cannot give.
  const args = ["--no-sandbox", "--disable-dev-shm-usage", "--no-proxy-server", "--force-color-profile=srgb", "--hide-scrollbars"];
  const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", headless: true, args });
  // One whose test has ended does not stay.
  lines.on("close", () => browser.close().finally(() => process.exit(1)));
  const faults = [];
  try {
    await act(browser, faults);
  } catch (error) {
    faults.push(error.stack);
    for (const page of (await browser.pages()).filter((page) => page.url() !== "about:blank")) {
      const name = `fault-${Date.now()}-${faults.length}.png`;
      const isKept = await page.screenshot({ path: join(pictures, name) }).then(() => true, () => false);
      if (isKept) faults.push(`${page.url()} looked like target/browser/${name}`);
    }
  }
  await browser.close();
  for (const fault of faults) console.error(fault);
  process.exit(faults.length === 0 ? 0 : 1);
}

// Nothing moves by itself.
export const STILL = { name: "prefers-reduced-motion", value: "reduce" };

// A page whose every request stays with the server and that has nothing to complain about.
export async function newPage(context, faults) {
  const page = await context.newPage();
  // Keys reach it as if it were in front, though another one may be.
  await (await page.createCDPSession()).send("Emulation.setFocusEmulationEnabled", { enabled: true });
  // A page that is still moving is not where it was when the mouse was sent there.
  await page.emulateMediaFeatures([STILL]);
  const server = new URL(told.url).origin;
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== server) faults.push(`${page.url()} asks ${request.url()}`);
  });
  page.on("console", (message) => {
    // That a form is refused is an answer, which Chromium tells as an error of the page itself.
    const isAnswer = message.text().startsWith("Failed to load resource") && message.location().url === page.url();
    // That these scripts had the focus somewhere before the page had put it is not the page's fault.
    const isOurs = message.text().startsWith("Autofocus processing was blocked");
    if (!isAnswer && !isOurs) faults.push(`${page.url()} says: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`${page.url()}: ${error}`));
  return page;
}

// What is done leads to another page; its answer.
export async function leads(page, act) {
  const [answered] = await Promise.all([page.waitForNavigation(), act()]);
  return answered;
}

// With the mouse, on what a reader of this role and name is told of.
export async function click(page, role, name) {
  const found = await page.waitForSelector(`::-p-aria([name="${name}"][role="${role}"])`);
  await leads(page, () => found.click());
}

export const main = (page) => page.$eval("main", (it) => it.innerText.replace(/\s+/g, " "));
export const title = (page) => page.$eval("h1", (it) => it.innerText);
export const path = (page) => new URL(page.url()).pathname;

// Types a token where the page puts the focus, which it does with its first picture: also without JavaScript, where only asking
// again tells.
export async function typeToken(page, token) {
  for (let asked = 0; !(await page.evaluate(() => document.activeElement?.id === "token")); asked += 1) {
    if (asked === ASKED_MAX) throw new Error(`${page.url()} puts the focus nowhere`);
  }
  await page.keyboard.type(token);
}

export async function signIn(page, token, next) {
  await page.goto(`${told.url}${next}`);
  await typeToken(page, token);
  await leads(page, () => page.keyboard.press("Enter"));
}

// A folder of its own for what is downloaded, and the promise of the next file in it.
export async function downloads(browser, folder) {
  await rm(folder, { recursive: true, force: true });
  const session = await browser.target().createCDPSession();
  await session.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: folder, eventsEnabled: true });
  return () => {
    let name;
    return new Promise((done, failed) => {
      session.once("Browser.downloadWillBegin", (begun) => (name = begun.suggestedFilename));
      const heard = ({ state }) => {
        if (state === "inProgress") return;
        session.off("Browser.downloadProgress", heard);
        if (state === "completed") done(join(folder, name));
        else failed(new Error(`the download of ${name} was ${state}`));
      };
      session.on("Browser.downloadProgress", heard);
    });
  };
}
