/** Looks at JSON text without building anything, so that a hostile one is refused before it costs memory. */

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const BRACKET_OPEN = 0x5b
const BRACKET_CLOSE = 0x5d
const BRACE_OPEN = 0x7b
const BRACE_CLOSE = 0x7d

export type Scanned = {
  /** How deep arrays and objects are nested; above the most that is allowed it is not counted further. */
  depth: number
  /** How many values there are, roughly: each takes much more memory than its text. */
  values: number
}

/** The text need not be valid. @param most how deep it may be; the scan ends there */
export function scanJson(text: Uint8Array, most: number): Scanned {
  let depth = 0
  let deepest = 0
  let values = 1
  for (let at = 0; at < text.length; at++) {
    const byte = text[at]!
    if (byte === QUOTE) at = endOfString(text, at)
    else if (byte === COMMA) values++
    else if (byte === BRACKET_OPEN || byte === BRACE_OPEN) {
      values++
      if (++depth > deepest) deepest = depth
      if (deepest > most) break
    } else if (byte === BRACKET_CLOSE || byte === BRACE_CLOSE) depth--
  }
  return { depth: deepest, values }
}

/** Where the string ends that begins at `from`. */
function endOfString(text: Uint8Array, from: number): number {
  let at = from + 1
  while (at < text.length && text[at] !== QUOTE) at += text[at] === BACKSLASH ? 2 : 1
  return at
}

/** The first byte that is not white space, as a character. */
export function firstOf(text: Uint8Array): string {
  for (const byte of text) if (byte > 0x20) return String.fromCharCode(byte)
  return ''
}
