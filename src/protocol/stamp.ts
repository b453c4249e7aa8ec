/**
 * The frame that a broker puts between a client's identity and the empty delimiter: its own request number and Lamport
 * clock. A REP worker hands it back untouched; our servers put their own clock into it on the way back.
 *
 * Layout, 24 bytes big-endian: broker boot id (8), request number (8), clock (8). The number has 53 bits; the highest of its
 * 64 says that the worker may hand the request back: an empty body for a reply, and the broker gives it to another one.
 */
export const STAMP_BYTES = 24

/**
 * Makes a stamp.
 * @param boot 8 random bytes drawn when the broker started  @param number 1, 2, 3 …  @param clock Lamport
 * @param returnable whether the worker may hand the request back
 */
export function writeStamp(boot: Uint8Array, number: number, clock: number, returnable = false): Buffer {
  const stamp = Buffer.allocUnsafeSlow(STAMP_BYTES)
  stamp.set(boot.subarray(0, 8), 0)
  writeUint53(stamp, 8, number)
  writeUint53(stamp, 16, clock)
  if (returnable) stamp[8] = RETURNABLE
  return stamp
}

const RETURNABLE = 0x80
export const mayHandBack = (stamp: Uint8Array): boolean => (stamp[8]! & RETURNABLE) !== 0

/** Whether a frame can be a stamp at all; its clock is checked by `stampClock`. */
export const isStamp = (frame: Uint8Array): boolean => frame.length === STAMP_BYTES

export const stampNumber = (stamp: Uint8Array): number => readUint53(stamp, 8, 0x1fffff)

/** The Lamport clock in a stamp, or 0 when it is not a safe integer. */
export function stampClock(stamp: Uint8Array): number {
  const clock = readUint53(stamp, 16)
  return Number.isSafeInteger(clock) ? clock : 0
}

/** Whether a stamp was made by the broker that drew this boot id. */
export function stampedBy(stamp: Uint8Array, boot: Uint8Array): boolean {
  for (let i = 0; i < 8; i++) if (stamp[i] !== boot[i]) return false
  return true
}

/** The same stamp with another clock: what a server sends back. */
export function restamp(stamp: Uint8Array, clock: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(STAMP_BYTES)
  copy.set(stamp)
  writeUint53(copy, 16, clock)
  return copy
}

/** The idempotency key of a request that brought none: same broker request, same id, whichever server gets it. */
export function stampId(stamp: Uint8Array, index: number): string {
  const boot = Buffer.from(stamp.buffer, stamp.byteOffset, 8).toString('hex')
  return `~${boot}-${stampNumber(stamp).toString(36)}${index === 0 ? '' : `.${index}`}`
}

function writeUint53(frame: Buffer, at: number, value: number): void {
  frame.writeUInt32BE(Math.floor(value / 2 ** 32), at)
  frame.writeUInt32BE(value % 2 ** 32, at + 4)
}

/** @param mask of the upper 32 bits: what of them belongs to the number */
function readUint53(frame: Uint8Array, at: number, mask = 0xffffffff): number {
  const view = new DataView(frame.buffer, frame.byteOffset)
  return ((view.getUint32(at) & mask) >>> 0) * 2 ** 32 + view.getUint32(at + 4)
}
