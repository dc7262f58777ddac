// JSON for text that decides about money: UTF-8 only, no member twice, at most 8 levels, no half surrogate pairs.
// Objects become Maps, numbers keep the text they came in: JSON.parse would round them and let the last member win.

const LEVELS = 8;
const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORD = /true|false|null/y;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class JsonNumber {
  constructor(text) {
    this.text = text;
  }
}

function decode(bytes) {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new SyntaxError("no UTF-8");
  }
}

/** The value of one whole JSON text; throws for anything else. */
export function strictJson(bytes) {
  const text = decode(bytes);
  let at = 0;

  function match(pattern) {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    at += found?.length ?? 0;
    return found;
  }

  function take(character) {
    match(SPACE);
    if (text[at] !== character) return false;
    at += 1;
    return true;
  }

  function expect(character) {
    if (!take(character)) throw new SyntaxError(`no ${character} at ${at}`);
  }

  function string() {
    const quoted = match(STRING);
    if (quoted === undefined) throw new SyntaxError(`no string at ${at}`);
    const plain = JSON.parse(quoted);
    if (/\p{Surrogate}/u.test(plain)) throw new SyntaxError("half a surrogate pair");
    return plain;
  }

  function object(level) {
    const members = new Map();
    if (take("}")) return members;
    do {
      match(SPACE);
      const name = string();
      if (members.has(name)) throw new SyntaxError(`${name} stands twice`);
      expect(":");
      members.set(name, value(level + 1));
    } while (take(","));
    expect("}");
    return members;
  }

  function array(level) {
    const items = [];
    if (take("]")) return items;
    do items.push(value(level + 1));
    while (take(","));
    expect("]");
    return items;
  }

  function value(level) {
    const opens = take("{") ? object : take("[") ? array : undefined;
    if (opens !== undefined) {
      if (level >= LEVELS) throw new SyntaxError("nested too deeply");
      return opens(level);
    }
    if (text[at] === '"') return string();
    const word = match(WORD);
    if (word !== undefined) return JSON.parse(word);
    const number = match(NUMBER);
    if (number === undefined) throw new SyntaxError(`no value at ${at}`);
    return new JsonNumber(number);
  }

  const whole = value(0);
  match(SPACE);
  if (at !== text.length) throw new SyntaxError(`something follows at ${at}`);
  return whole;
}
