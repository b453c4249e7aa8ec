/**
 * ULIDs: 26 characters, 48 bits of time and 80 of chance, in Crockford's base 32. Those of one generator sort in the
 * order they were made.
 */
import { randomBytes } from 'node:crypto'

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
/** The 32,768 groups of three digits, so that counting costs two look-ups. */
const GROUPS = Array.from({ length: 32 ** 3 }, (_, i) => DIGITS[i >> 10]! + DIGITS[(i >> 5) & 31]! + DIGITS[i & 31]!)
const COUNTER_END = 2 ** 30

/**
 * Makes a generator.
 * @returns given the time in milliseconds, the next ULID; time that steps back is ignored
 */
export function createUlids(): (now: number) => string {
  let time = -1
  /** Time and the first 50 random bits; the last 30 are drawn anew each millisecond and counted up within it. */
  let prefix = ''
  let counter = 0
  return (now) => {
    if (now > time) {
      time = now
      const random = randomBytes(14)
      prefix = timeDigits(now) + randomDigits(random.subarray(0, 10))
      // The highest bit stays 0, so that a millisecond has room for half a billion.
      counter = random.readUInt32BE(10) >>> 3
    } else if (++counter === COUNTER_END) {
      time++
      counter = 0
      prefix = timeDigits(time) + prefix.slice(10)
    }
    return prefix + GROUPS[counter >> 15] + GROUPS[counter & 32767]
  }
}

function timeDigits(ms: number): string {
  let digits = ''
  for (let rest = ms, i = 0; i < 10; i++) {
    digits = DIGITS[rest % 32] + digits
    rest = Math.floor(rest / 32)
  }
  return digits
}

function randomDigits(random: Uint8Array): string {
  let digits = ''
  for (const byte of random) digits += DIGITS[byte & 31]
  return digits
}
