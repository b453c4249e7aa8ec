/**
 * Two independent 32-bit hashes of a text: 64 bits that stand for an id in the window, and what the running digest of
 * the order is made of. Multiply-xorshift in the manner of MurmurHash3's finaliser; deterministic everywhere.
 */

export type Hash = { hi: number; lo: number }

/** Hashes a text into `out`, so that nothing is allocated on the hot path. */
export function hashText(text: string, out: Hash): void {
  let hi = 0xdeadbeef ^ text.length
  let lo = 0x41c6ce57 ^ text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    hi = Math.imul(hi ^ unit, 2654435761)
    lo = Math.imul(lo ^ unit, 1597334677)
  }
  hi = Math.imul(hi ^ (hi >>> 16), 2246822507) ^ Math.imul(lo ^ (lo >>> 13), 3266489909)
  lo = Math.imul(lo ^ (lo >>> 16), 2246822507) ^ Math.imul(hi ^ (hi >>> 13), 3266489909)
  out.hi = hi >>> 0
  out.lo = lo >>> 0
}

/** The running digest of the order: equal digests at equal positions mean equal orders. */
export type Digest = Hash

/** Adds one ordered event to a digest. */
export function mixDigest(digest: Digest, id: Hash, clock: number, rank: number, seq: number, skipped: boolean): void {
  let hi = Math.imul(digest.hi ^ id.hi, 2654435761) ^ Math.imul(clock >>> 0, 2246822507)
  let lo = Math.imul(digest.lo ^ id.lo, 1597334677) ^ Math.imul(seq >>> 0, 3266489909)
  hi = Math.imul(hi ^ (hi >>> 15) ^ rank, 2246822507)
  lo = Math.imul(lo ^ (lo >>> 15) ^ (skipped ? 0x5bd1e995 : 0), 3266489909)
  digest.hi = (hi ^ (lo >>> 16)) >>> 0
  digest.lo = (lo ^ (hi >>> 13)) >>> 0
}

export const showDigest = ({ hi, lo }: Digest): string => showWord(hi) + showWord(lo)

/** Every ack carries a digest, and `toString(16)` is slow with numbers of 32 bits. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const showWord = (word: number): string =>
  HEX[word >>> 24]! + HEX[(word >>> 16) & 255]! + HEX[(word >>> 8) & 255]! + HEX[word & 255]!

/** Reads what `showDigest` wrote. */
export const readDigest = (text: string): Digest => ({
  hi: Number.parseInt(text.slice(0, 8), 16) >>> 0,
  lo: Number.parseInt(text.slice(8, 16), 16) >>> 0,
})
