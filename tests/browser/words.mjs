// Which words may stand on a page of the other language.

// Names, and what people type as it stands.
const SHARED = `
lictor Body Sign base_url AK SK NTP apply FILE audit verify login API SKU SKUs ID URL TLS HTTP HTTPS JSON CSV XML UTC ms CPU Ed25519 SHA MD5 CRM QR
KooGallery Standard Webhooks LICTOR_PUBLIC_URL Acme CAD permanent English
`;
const SCOPES = /(?<=权限\s?)[a-z]+|^(?:read|keys|support|issue|revoke|usage|catalog|admin|operator)(?:(?:, [a-z]+)*$|(?=: ))/g;
const shared = new Set(SHARED.trim().split(/\s+/).map((word) => word.toLowerCase()));

// Ids, addresses, codes, terms, instants: for programs rather than readers.
const CODES = [
  /`[^`]*`/g,
  /\b[A-Z]+\.\d{4}\b/g,
  /[A-Za-z0-9_-]{30,}/g,
  /https?:\/\/\S*/g,
  /\b[a-z][a-z0-9]*(?:[_.:/-][A-Za-z0-9_.:/-]+)+/g,
  /\b[0-9a-fA-F]{8,}\b/g,
  /\bP(?:\d+[YMWD])+\b/g,
  /\b[A-Z][A-Z0-9]*(?:[-_][A-Z0-9]+)+\b/g,
  /\b[A-Za-z]*\d[A-Za-z0-9]*\b/g,
];

const HAN = /[\u3400-\u9fff]/;

const stripped = (text, known) => {
  // A name is a name only as a whole word.
  const asWord = (name) => new RegExp(`(?<![\\w.-])${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?![\\w-]|\\.\\w)`, "g");
  const unnamed = known.reduce((rest, name) => rest.replace(asWord(name), " "), text);
  return [SCOPES, ...CODES].reduce((rest, code) => rest.replace(code, " "), unnamed);
};

// What of these texts is not of the page's language; `known` is what people have typed in.
export function foreign(language, texts, known) {
  const found = texts.flatMap((text) => {
    const rest = stripped(text, known);
    if (language === "en") return HAN.test(rest) ? [text] : [];
    const words = rest.match(/[A-Za-z][A-Za-z'’]+/g) ?? [];
    return words.some((word) => !shared.has(word.toLowerCase())) ? [text] : [];
  });
  return [...new Set(found)];
}

// All that a reader of the page is told: what is seen, and what is read out. Runs in the page.
export function texts() {
  const isForPrograms = (node) => node.closest("code, pre, textarea, style, script") !== null;
  const isForOthers = (node) => node.closest("[lang]") !== document.documentElement;
  const told = [document.title];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const within = walker.currentNode.parentElement;
    if (!isForPrograms(within) && !isForOthers(within)) told.push(walker.currentNode.data);
  }
  for (const name of ["aria-label", "placeholder", "title", "alt", "data-label"]) {
    for (const node of document.querySelectorAll(`[${name}]`)) told.push(node.getAttribute(name));
  }
  return told.map((text) => text.trim()).filter((text) => text !== "");
}
