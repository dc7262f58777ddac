// What is looked for on a page, whichever it is. All but `looks` runs in the page.

// What makes the page wider than the screen; of the innermost, what they are.
function tooWide() {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const isScrolled = (node) => {
    for (let it = node.parentElement; it !== null && it !== document.body; it = it.parentElement) {
      if (getComputedStyle(it).overflowX !== "visible") return true;
    }
    return false;
  };
  const reaches = (node) => node.getBoundingClientRect().right > width + 0.5 && !isScrolled(node);
  const wide = [...document.body.querySelectorAll("*")].filter(reaches);
  const innermost = wide.filter((node) => ![...node.children].some(reaches));
  const told = innermost.map((node) => `<${node.localName} class="${node.className}"> ${node.textContent.trim().slice(0, 60)}`);
  return told.length === 0 ? [`something reaches ${document.documentElement.scrollWidth} of ${width}`] : told;
}

// Text that is cut off by its own box.
function cutOff() {
  const isCut = (node) =>
    node.scrollWidth > node.clientWidth + 1 && ["hidden", "clip"].includes(getComputedStyle(node).overflowX);
  const all = [...document.body.querySelectorAll("button, a, td, th, dd, dt, p, label, h1, h2, h3")];
  return all.filter(isCut).map((node) => node.textContent.trim().slice(0, 60));
}

// Tables that must be moved sideways: not on a phone, where rows stand below each other instead, nor on a desktop.
function moved() {
  const width = document.documentElement.clientWidth;
  if (width > 640 && width < 1200) return [];
  // Pictures beside each other have their numbers in narrow tables of their own.
  const isMoved = (node) => node.scrollWidth > node.clientWidth + 1 && (width <= 640 || node.closest(".tiles") === null);
  return [...document.querySelectorAll(".scroll")].filter(isMoved).map((node) => node.getAttribute("aria-label"));
}

export const fits = (page) => page.evaluate(`[${tooWide}, ${cutOff}, ${moved}].flatMap((look) => look())`);

// How many of each: the same page in another language has as many.
export const shape = (page) =>
  page.evaluate(() => {
    const names = ["h1", "h2", "h3", "label", "button", "a", "th", "dt", "option", "input", "textarea", "select", "svg"];
    return names.map((name) => `${document.querySelectorAll(name).length} ${name}`).join(", ");
  });

// Serious and critical faults by axe-core; contrast is one of its rules.
export async function judge(page, axe) {
  // As the debugger: the pages themselves allow no script.
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    const runOnly = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations } = await window.axe.run(document, { runOnly, resultTypes: ["violations"] });
    const told = (node) => `${node.html.slice(0, 120)} ${node.any[0]?.message ?? ""}`;
    return violations.map((it) => ({ id: it.id, impact: it.impact, nodes: it.nodes.map(told) }));
  });
  return found.filter((it) => ["serious", "critical"].includes(it.impact)).map((it) => `${it.id}: ${it.nodes.join("; ")}`);
}

// Which controls the tab key does not reach, reaches in another order than they stand in, or reaches unseen.
export async function tabs(page) {
  const count = await page.evaluate(() => {
    const all = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
    const isThere = (node) => node.checkVisibility() && !node.disabled;
    const wanted = [...document.querySelectorAll(all)].filter(isThere);
    window.tabbed = { wanted, reached: [], unseen: [] };
    document.addEventListener("focusin", ({ target }) => {
      window.tabbed.reached.push(wanted.indexOf(target));
      const { outlineStyle, outlineWidth } = getComputedStyle(target);
      // The page scrolls to it up and down, and a table sideways.
      const { left, right } = target.getBoundingClientRect();
      const isInside = target.closest(".scroll") !== null || (left >= 0 && right <= innerWidth);
      const isSeen = outlineStyle !== "none" && parseFloat(outlineWidth) > 0 && isInside;
      if (!isSeen) window.tabbed.unseen.push(target.outerHTML.slice(0, 100));
    });
    document.activeElement?.blur();
    return wanted.length;
  });
  // Once around, and over the page's own frame.
  for (let tab = 0; tab < count + 2; tab += 1) await page.keyboard.press("Tab");
  return page.evaluate(() => {
    const { wanted, reached, unseen } = window.tabbed;
    const missed = wanted.filter((_, at) => !reached.includes(at)).map((node) => `not reached: ${node.outerHTML.slice(0, 100)}`);
    // A page that begins in the middle goes around once.
    const back = reached.filter((at, index) => index > 0 && at < reached[index - 1]).length;
    const order = back > 1 ? [`not in the order of the page: ${reached.join(" ")}`] : [];
    return [...missed, ...order, ...unseen.map((it) => `the focus is not seen: ${it}`)];
  });
}
