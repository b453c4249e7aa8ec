/** Reading public lines back: consecutive positions out of all files, for a server that lacks them. */
import { NEWLINE, offsetAfter, positionAt } from './files-lines.ts'
import type { Readable } from './files-sums.ts'

export type CopiedLines = { to: number; files: [log: string, lines: Uint8Array][] }
/** Where the lines behind a position begin, by log: a copy goes on where its last piece ended. */
export type Hint = { position: number; offsets: Map<string, number> }

/** The longest line: 64 KiB of text, every character escaped. */
const LONGEST_LINE = 512 * 1024

/**
 * Reads the lines of the positions behind `from`, of all files together about `maxBytes`, at least one.
 * @returns exactly the positions from + 1 … to; `to` is `from` when the next line is in no file
 * @throws {DamageError} when what is read is damaged
 */
export async function copyLines(
  files: readonly Readable[],
  from: number,
  upTo: number,
  maxBytes: number,
  hint: Hint | null,
): Promise<CopiedLines & { hint: Hint }> {
  const pieces = await Promise.all(files.map((file) => readPiece(file, from, maxBytes, hint)))
  const to = advance(pieces, from, upTo, maxBytes)
  const taken = pieces.filter((piece) => piece.taken > 0)
  return {
    to,
    files: taken.map((piece) => [piece.log, piece.bytes.subarray(0, piece.taken)]),
    hint: { position: to, offsets: new Map(pieces.map((piece) => [piece.log, piece.offset + piece.taken])) },
  }
}

type Piece = { log: string; offset: number; bytes: Buffer; taken: number }

async function readPiece(file: Readable, from: number, maxBytes: number, hint: Hint | null): Promise<Piece> {
  const { log } = file
  const hinted = hint?.position === from ? hint.offsets.get(log) : undefined
  const offset = hinted ?? (await offsetAfter(file, from))
  const bytes = await file.read(offset, offset + Math.max(maxBytes, LONGEST_LINE))
  return { log, offset, bytes, taken: 0 }
}

/** Takes line after line in order of position; returns the last one taken. */
function advance(pieces: readonly Piece[], from: number, upTo: number, maxBytes: number): number {
  let to = from
  let bytes = 0
  while (to < upTo) {
    const piece = pieces.find((one) => one.taken < one.bytes.length && nextPosition(one) === to + 1)
    if (piece === undefined) break
    const end = piece.bytes.indexOf(NEWLINE, piece.taken) + 1
    // The line goes on beyond what was read: it begins the next piece.
    if (end === 0) break
    bytes += end - piece.taken
    if (bytes > maxBytes && to > from) break
    piece.taken = end
    to++
  }
  return to
}

/** The position of a piece's next line; 0 when its beginning was not read. */
function nextPosition({ bytes, taken }: Piece): number {
  return bytes.length - taken < 24 ? 0 : positionAt(bytes, taken)
}
