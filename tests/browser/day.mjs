// An agent's day: by mouse and keyboard in Chromium, and a second customer by the keyboard alone, without JavaScript.
import assert from "node:assert/strict";
import { join } from "node:path";

import { ask, click, downloads, leads, main, newPage, path, pictures, signIn, title, told, typeToken, withChromium } from "./chromium.mjs";

// More controls than any page has before what is looked for.
const TABS_MAX = 60;

const says = async (page, ...parts) => {
  const text = await main(page);
  for (const part of parts) assert.ok(text.includes(part), `${part} is not on ${page.url()}: ${text}`);
};

const events = (page) => page.$$eval(".timeline > li > h3", (all) => all.map((it) => it.innerText));

async function signsIn(page) {
  await page.goto(`${told.url}/console/licenses?state=active`);
  assert.equal(path(page), "/console/sign-in", "nobody is let in without a session");
  assert.equal(await page.$("nav"), null, "nothing of the console is shown before");
  await signIn(page, `${told.token}x`, "/console/licenses?state=active");
  await says(page, "This is not a token that is valid now.");
  await signIn(page, told.token, "/console/licenses?state=active");
  assert.equal(new URL(page.url()).search, "?state=active", "back to where the agent wanted to be");
}

async function findsAda(page) {
  const field = await page.waitForSelector('header ::-p-aria([role="searchbox"])');
  await field.click();
  await page.keyboard.type(told.ada.order);
  // It is the only one that fits.
  await leads(page, () => page.keyboard.press("Enter"));
  assert.equal(path(page), `/console/licenses/${told.ada.license}`);
  await says(page, "active", "desk of Ada", told.ada.order);
}

async function readsTheTimeline(page) {
  const [newest, ...older] = await events(page);
  assert.equal(newest, "A machine was activated", [newest, ...older].join());
  assert.deepEqual(older.slice(-2), ["The license was issued", "The order was received"], "the oldest stands last");
  const facts = await page.$eval(".timeline > li", (it) => it.innerText);
  assert.match(facts, /2026/, "each says when");
}

async function revokesAda(page) {
  await click(page, "link", "Revoke");
  await says(page, "This cannot be undone", "desk of Ada", "stops for good");
  const field = await page.waitForSelector('main ::-p-aria([name="Reason"][role="textbox"])');
  await field.click();
  await page.keyboard.type("stolen card, ticket 4711");
  await click(page, "button", "Revoke");
  await says(page, "The license is revoked.", "stolen card, ticket 4711");
  assert.equal((await events(page))[0], "The license was revoked");
  assert.equal(await page.$('::-p-aria([name="Suspend"][role="link"])'), null, "nothing is left to do");
}

// Until the software has the new list it cannot know; then it refuses, and goes on refusing without network.
async function seesItAtTheSoftware(name) {
  const heard = await ask({ do: `software of ${name}` });
  assert.deepEqual(heard, { before: "valid", heard: "revoked", after: "revoked" });
}

async function answersTheLaboratory(page, nextFile) {
  // That was a day ago: the session has ended, and the agent comes back to what was wanted.
  await click(page, "link", "Offline machines");
  assert.equal(path(page), "/console/sign-in");
  await typeToken(page, told.token);
  await leads(page, () => page.keyboard.press("Enter"));
  assert.equal(path(page), "/console/air-gap");
  const file = await page.waitForSelector("main input[type=file]");
  await file.uploadFile(told.lab.request);
  await click(page, "button", "Answer it");
  await says(page, "A machine took a place.");
  assert.ok((await page.$$(".codes svg")).length > 1, "the response is shown as codes");
  const saved = nextFile();
  const button = await page.waitForSelector('::-p-aria([name="Download the response file"][role="button"])');
  await button.click();
  assert.equal(await ask({ do: "carry back", file: await saved }), "valid");
  await page.goto(`${told.url}/console/licenses/${told.lab.license}`);
  await says(page, "lab 7");
}

async function mapsTheOrder(page) {
  await click(page, "link", "Overview");
  await says(page, "Orders held: 1.");
  await click(page, "link", "Orders");
  await click(page, "link", told.order);
  await says(page, "No spec knows what was bought", "NEW-SKU");
  await click(page, "link", "Choose the spec");
  const choice = await page.waitForSelector("main select");
  await choice.focus();
  // As a keyboard chooses: by the first letters.
  await page.keyboard.type("Yearly");
  await click(page, "button", "Show what is issued");
  await says(page, "What is issued then", "Machines allowed 6");
  assert.equal(await ask({ do: "order" }), "held", "showing changes nothing");
  await click(page, "button", "Choose the spec");
  await says(page, "what waited for it is issued");
  assert.equal(await ask({ do: "order" }), "minted");
  await click(page, "link", "Orders");
  await says(page, "No orders of this kind");
}

async function switchesToChinese(page) {
  await page.goto(`${told.url}/console/licenses/${told.ada.license}`);
  await click(page, "button", "中文");
  assert.equal(path(page), `/console/licenses/${told.ada.license}`, "the same page");
  assert.equal(await page.$eval("html", (it) => it.lang), "zh-CN");
  await says(page, "已吊销", "stolen card, ticket 4711", "年");
  await click(page, "link", "订单");
  assert.equal(await title(page), "订单", "and the next page too");
  await click(page, "button", "深色");
  assert.equal(await page.$eval("html", (it) => it.dataset.theme), "dark");
  const [paper, ink] = await page.$eval("body", (it) => [getComputedStyle(it).backgroundColor, getComputedStyle(it).color]);
  assert.deepEqual([paper, ink], ["rgb(20, 24, 29)", "rgb(233, 237, 242)"]);
  await click(page, "button", "退出登录");
  assert.equal(path(page), "/console/sign-in");
  await page.goto(`${told.url}/console/licenses/${told.ada.license}`);
  assert.equal(path(page), "/console/sign-in", "signed out is out");
  assert.equal(await title(page), "登录", "the language stays");
}

const focused = (page) =>
  page.evaluate(() => {
    const it = document.activeElement;
    const style = getComputedStyle(it);
    const name = it.labels?.[0]?.innerText ?? it.innerText ?? "";
    return { name: name.trim(), isSeen: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 };
  });

async function tabsTo(page, name) {
  for (let tabs = 0; tabs < TABS_MAX; tabs += 1) {
    await page.keyboard.press("Tab");
    const found = await focused(page);
    if (found.name !== name) continue;
    assert.ok(found.isSeen, `${name} does not show that it has the focus`);
    return;
  }
  assert.fail(`the tab key does not reach ${name} on ${page.url()}`);
}

async function revokesBoWithoutJavaScript(page) {
  await page.setJavaScriptEnabled(false);
  await signIn(page, told.token, "/console");
  await tabsTo(page, "Order, customer, license key, claim code, machine");
  await page.keyboard.type(told.bo.order);
  await leads(page, () => page.keyboard.press("Enter"));
  await tabsTo(page, "Revoke");
  await leads(page, () => page.keyboard.press("Enter"));
  await says(page, "desk of Bo");
  await tabsTo(page, "Reason");
  await page.keyboard.type("charged back");
  await tabsTo(page, "Revoke");
  await leads(page, () => page.keyboard.press("Space"));
  await says(page, "The license is revoked.", "charged back");
  assert.equal((await events(page))[0], "The license was revoked");
}

await withChromium(async (browser, faults) => {
  const page = await newPage(browser.defaultBrowserContext(), faults);
  await page.setExtraHTTPHeaders({ "Accept-Language": "en" });
  const nextFile = await downloads(browser, join(pictures, "downloads"));
  await signsIn(page);
  await findsAda(page);
  await readsTheTimeline(page);
  await revokesAda(page);
  await seesItAtTheSoftware("Ada");
  await answersTheLaboratory(page, nextFile);
  await mapsTheOrder(page);
  await switchesToChinese(page);
  const other = await newPage(await browser.createBrowserContext(), faults);
  await other.setExtraHTTPHeaders({ "Accept-Language": "en" });
  await revokesBoWithoutJavaScript(other);
  await seesItAtTheSoftware("Bo");
});
