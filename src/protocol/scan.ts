/**
 * Looks at a MessagePack document without building anything, so that a hostile one is refused before it costs memory:
 * 1,200 bytes of nested array headers would otherwise make a decoder allocate 200 MB.
 */
import { LIMITS } from './limits.ts'

/** Why a document is refused, or null. Checks: complete, nothing behind it, no extensions but timestamps, UTF-8, depth, elements ≤ bytes. */
export function scan(bytes: Uint8Array): string | null {
  const length = bytes.length
  if (length === 0) return 'the frame is empty'
  if (length > LIMITS.frameBytes) return `the frame has ${length} bytes, at most ${LIMITS.frameBytes} are allowed`
  // How many values are still to come at each level; a flat array, so a deep document costs nothing.
  const left = new Int32Array(LIMITS.depth + 1)
  let depth = 0
  let declared = 0
  let at = 0
  left[0] = 1
  for (;;) {
    while (left[depth] === 0) {
      if (depth === 0) return at === length ? null : `${length - at} bytes follow the document`
      depth--
    }
    left[depth]!--
    if (at >= length) return 'the document ends too early'
    const type = bytes[at++]!
    let children = -1
    if (type < 0x80 || type >= 0xe0) continue
    if (type < 0x90) children = (type & 0x0f) * 2
    else if (type < 0xa0) children = type & 0x0f
    else if (type < 0xc0) {
      at += type & 0x1f
      if (at <= length && !isText(bytes, at - (type & 0x1f), at)) return NOT_TEXT
    } else {
      if ((type >= 0xc7 && type <= 0xc9) || (type >= 0xd4 && type <= 0xd8)) {
        at = endOfTimestamp(bytes, at)
        if (at === -1) return 'extension types other than timestamps are not used here'
        if (at > length) return 'the document ends too early'
        continue
      }
      const fixed = FIXED[type - 0xc0]!
      if (fixed >= 0) at += fixed
      else {
        const width = WIDTH[type - 0xc0]!
        if (width === 0) return 'the document has a byte that MessagePack does not use (0xc1)'
        if (at + width > length) return 'the document ends too early'
        let size = 0
        for (let i = 0; i < width; i++) size = size * 256 + bytes[at++]!
        if (type >= 0xdc) children = type >= 0xde ? size * 2 : size
        else {
          at += size
          if (type >= 0xd9 && at <= length && !isText(bytes, at - size, at)) return NOT_TEXT
        }
      }
    }
    if (at > length) return 'the document ends too early'
    if (children >= 0) {
      declared += children
      if (declared > length) return `the document declares more elements than its ${length} bytes can hold`
      if (depth === LIMITS.depth) return `the document is nested more than ${LIMITS.depth} deep`
      left[++depth] = children
    }
  }
}

/**
 * The one extension that MessagePack itself defines, type -1 with 4, 8 or 12 bytes: what many libraries make of a date.
 * @param at behind the type byte
 * @returns where it ends, or -1 when it is another extension
 */
function endOfTimestamp(bytes: Uint8Array, at: number): number {
  const type = bytes[at - 1]!
  if (type === 0xd6 && bytes[at] === 0xff) return at + 5
  if (type === 0xd7 && bytes[at] === 0xff) return at + 9
  return type === 0xc7 && bytes[at] === 12 && bytes[at + 1] === 0xff ? at + 14 : -1
}

const NOT_TEXT = 'a text is not UTF-8'
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Decoders replace what is not UTF-8 without a word, so two different names would become one. */
function isText(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i]! > 0x7f) return isUtf8(bytes.subarray(start, end))
  return true
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    utf8.decode(bytes)
    return true
  } catch {
    return false
  }
}

// Types 0xc0 to 0xdf: bytes that follow when their number is fixed, else -1.
//                    nil  -  f   t  bin8/16/32   ext8/16/32  f32 f64 u8 u16 u32 u64 i8 i16 i32 i64 fixext1/2/4/8/16
export const FIXED = Int8Array.of(
  ...[0, -1, 0, 0, -1, -1, -1, -1, -1, -1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17],
  ...[-1, -1, -1, -1, -1, -1, -1],
)
// And the width of the length that follows, where there is one: bin, ext, str, array, map.
export const WIDTH = Int8Array.of(
  ...[0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  ...[1, 2, 4, 2, 4, 2, 4],
)
