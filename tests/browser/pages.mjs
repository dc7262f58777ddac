// Every page of the console and of the portal, in both languages, light and dark, from a phone's width to a desktop's.
//
// A page is looked at in `ways` of the twelve ways, which go around from page to page; its words and shape are checked in each
// language. Where it is not looked at in all of them, axe-core judges it in one language, and the tab key goes through the other.
import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { STILL, axe, leads, newPage, path, pictures, signIn, told, withChromium } from "./chromium.mjs";
import { fits, judge, shape, tabs } from "./looks.mjs";
import { foreign, texts } from "./words.mjs";

const LANGUAGES = ["en", "zh-CN"];
const WIDTHS = [320, 768, 1280];
const HEIGHT = 900;
const LOOKS = ["light", "dark"].flatMap((theme) => WIDTHS.map((width) => ({ theme, width })));

const { license, order, channel, webhook } = told.things;
const submit = (page, action, which = "button") =>
  leads(page, async () => (await page.waitForSelector(`form[method="post"][action="${action}"] ${which}`)).click());
const fill = (page, name, text) => page.type(`main [name="${name}"]`, text);
const at = (address) => async (page) => page.goto(`${told.url}${address}`);

// What only a form leads to. Each leaves things as they were, or as the next one does not mind.
const FORMS = [
  ["key", "merchant", `/console/licenses/${license}`, async (page) => submit(page, `/console/licenses/${license}/key`)],
  ["find", "merchant", "/console/licenses", async (page) => {
    await fill(page, "q", "customer-7");
    await leads(page, async () => (await page.waitForSelector('main form[action="/console/find"] button')).click());
  }],
  ["find-nothing", "merchant", "/console", async (page) => {
    await page.type("#find", "nobody");
    await submit(page, "/console/find");
  }],
  ["find-wrong", "merchant", "/console/licenses?before=x&product=%3Cb%3E", async () => {}],
  ["reissue-asked", "merchant", `/console/licenses/${license}/reissue`, async (page) => {
    await page.select('main [name="keep"]', "none");
    await submit(page, `/console/licenses/${license}/reissue`);
  }],
  ["extend-wrong", "merchant", `/console/licenses/${license}/extend`, async (page) => {
    await fill(page, "by", "-1");
    await submit(page, `/console/licenses/${license}/extend`);
  }],
  ["extend-asked", "merchant", `/console/licenses/${license}/extend`, async (page) => {
    await fill(page, "by", "7");
    await submit(page, `/console/licenses/${license}/extend`);
  }],
  ["change-asked", "merchant", `/console/licenses/${license}/change`, async (page) => {
    await page.select('main [name="spec"]', "cad-forever");
    await submit(page, `/console/licenses/${license}/change`);
  }],
  ["map-asked", "merchant", `/console/orders/${order}/map`, async (page) => {
    await page.select('main [name="spec"]', "cad-year");
    await submit(page, `/console/orders/${order}/map`);
  }],
  ["checked", "merchant", `/console/channels/${channel}`, async (page) => submit(page, `/console/channels/${channel}/check`)],
  ["issue-wrong", "merchant", "/console/issue", async (page) => {
    await fill(page, "customer", "two words");
    await fill(page, "term", "soon");
    await submit(page, "/console/issue");
  }],
  ["air-gap-wrong", "merchant", "/console/air-gap", async (page) => {
    await fill(page, "request", "nothing");
    await submit(page, "/console/air-gap");
  }],
  ["air-gap-answered", "merchant", "/console/air-gap", async (page) => {
    await (await page.$("main input[type=file]")).uploadFile(told.request);
    await submit(page, "/console/air-gap");
  }],
  ["customer", "merchant", "/console/customers", async (page) => {
    await fill(page, "customer", told.things.customer);
    await submit(page, "/console/customers");
  }],
  ["webhook-secret", "merchant", `/console/webhooks/${webhook}/secret`, async (page) => {
    await submit(page, `/console/webhooks/${webhook}/secret`);
  }],
  ["webhook-wrong", "merchant", "/console/webhooks/new", async (page) => {
    await fill(page, "url", "ftp://example.com/");
    await submit(page, "/console/webhooks/new");
  }],
  ["webhook-since-wrong", "merchant", `/console/webhooks/${webhook}/since`, async (page) => {
    await fill(page, "since", "soon");
    await submit(page, `/console/webhooks/${webhook}/since`);
  }],
  ["webhook-since-asked", "merchant", `/console/webhooks/${webhook}/since`, async (page) => {
    await fill(page, "since", "2026-01-01");
    await submit(page, `/console/webhooks/${webhook}/since`);
  }],
  ["webhook-change-wrong", "merchant", `/console/webhooks/${webhook}/change`, async (page) => {
    await fill(page, "expiring_days", ", soon");
    await submit(page, `/console/webhooks/${webhook}/change`);
  }],
  ["not-allowed", "merchant", "/console/keys/rotate", async () => {}],
  ["not-there", "merchant", "/console/licenses/lic_absent", async () => {}],
  ["signed-in", "merchant", "/console/sign-in", async () => {}],
  ["merchants", "operator", "/console/merchants", async () => {}],
  ["sign-in", "nobody", "/console/sign-in", async () => {}],
  ["sign-in-refused", "nobody", "/console/sign-in", async (page) => {
    await page.type("#token", "lictor_nothing");
    await submit(page, "/console/sign-in", "button:not([name])");
  }],
  ["portal", "nobody", "/portal", async () => {}],
  ["portal-refused", "nobody", "/portal", async (page) => {
    await page.type("#code", "nothing");
    await submit(page, "/portal");
  }],
  ["portal-license", "nobody", "/portal", async (page) => {
    await page.type("#code", told.key);
    await submit(page, "/portal");
  }],
  ["portal-release", "nobody", "/portal", async (page) => {
    await page.type("#code", told.key);
    await submit(page, "/portal");
    await submit(page, "/portal/release");
  }],
  ["portal-air-gap", "nobody", "/portal", async (page) => {
    await (await page.$("#file")).uploadFile(told.request);
    await submit(page, "/portal/air-gap");
  }],
];

// Each visit leaves something there that the next one shows.
const CHANGING = ["webhook-secret"];

const all = [
  ...told.pages.map(({ name, address, who }) => ({ name, who, reach: at(address) })),
  ...FORMS.map(([name, who, address, act]) => ({
    name,
    who,
    reach: async (page) => {
      await at(address)(page);
      await act(page);
    },
  })),
];

// What was typed in by people, which is in no language; the longest first.
const typed = (await readFile(told.request, "utf8")).split("\n").concat([
  ...Object.values(told.things),
  "Asia/Shanghai", "render-minutes", "export, render", "minute", "desk 1", "desk 2", "desk 7", "has not paid", "has paid <b>&amp; more</b>", "lost", "two words", "lab 7", "nobody", "nothing", "soon", "test",
  "ftp://example.com/", "A_label_without_a_single_blank_that_is_longer_than_a_phone_is_wide_by_far",
]).filter((it) => it.length > 1).sort((one, other) => other.length - one.length);

const slug = (name) => name.replace(/^\//, "").replace(/[^a-z]+/g, "-").replace(/-$/, "");

// Light or dark at a width: whatever is wrong there.
async function looked(page, language, name, { theme, width }, isJudged) {
  await page.setViewport({ width, height: HEIGHT });
  await page.emulateMediaFeatures([STILL, { name: "prefers-color-scheme", value: theme }]);
  if (told.keeps) {
    const folder = join(pictures, `${language}-${theme}-${width}`);
    await mkdir(folder, { recursive: true });
    await page.screenshot({ path: join(folder, `${slug(name)}.png`), fullPage: true });
  }
  const judged = isJudged ? await judge(page, axe) : [];
  const wrong = [...(await fits(page)).map((it) => `too wide: ${it}`), ...judged];
  return wrong.map((it) => `${name} (${language}, ${theme}, ${width}): ${it}`);
}

// Whoever reads in one language: signed in, and ready to go to one page after the other.
async function reader(browser, language, faults) {
  const people = {};
  for (const who of ["merchant", "operator", "nobody"]) {
    const page = await newPage(await browser.createBrowserContext(), faults);
    await page.setExtraHTTPHeaders({ "Accept-Language": language });
    people[who] = page;
  }
  await signIn(people.merchant, told.tokens.merchant, "/console");
  assert.equal(path(people.merchant), "/console");
  await signIn(people.operator, told.tokens.operator, "/console/merchants");
  await submit(people.operator, "/console/merchants", "button");
  // Says how the page is made.
  return async ({ name, who, reach }, index) => {
    const page = people[who];
    await reach(page);
    const strange = foreign(language, await page.evaluate(texts), typed);
    faults.push(...strange.map((text) => `${name} (${language}): not in this language: ${text}`));
    assert.equal(await page.$eval("html", (it) => it.lang), language, name);
    const made = `${name}: ${path(page)} ${await shape(page)}`;
    // Each language has half of the ways, and goes on with the next ones at the next page.
    const offset = index * (told.ways / 2) + (language === "en" ? 0 : LOOKS.length / 2);
    const isAll = told.ways === LANGUAGES.length * LOOKS.length;
    const isTurn = Math.floor(index / LOOKS.length) % 2 === LANGUAGES.indexOf(language);
    for (let way = 0; way < told.ways / 2; way += 1) {
      faults.push(...(await looked(page, language, name, LOOKS[(offset + way) % LOOKS.length], isAll || isTurn)));
    }
    if (isAll || !isTurn) faults.push(...(await tabs(page)).map((it) => `${name} (${language}): ${it}`));
    return made;
  };
}

await withChromium(async (browser, faults) => {
  const readers = await Promise.all(LANGUAGES.map((language) => reader(browser, language, faults)));
  for (const [index, target] of all.entries()) {
    // Side by side: what one of them changes, the other one finds at the next page.
    const [english, chinese] = await Promise.all(readers.map((visit) => visit(target, index)));
    const isSame = english === chinese || CHANGING.includes(target.name);
    if (!isSame) faults.push(`differs between the languages: ${english} and ${chinese}`);
  }
});
