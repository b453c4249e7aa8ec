/** `file`: bytes of a public file, for a server whose own are damaged. It knows their digest, so nobody has to vouch. */
import { DamageError } from '../platform/damage.ts'
import type { Readable } from '../platform/files-sums.ts'
import type { Complain } from '../platform/socket-complaints.ts'
import { refuse } from '../protocol/errors.ts'
import { isCount } from '../protocol/replica.ts'
import type { FileService } from './status.ts'

/** Most bytes in one reply, and most replies that are read at the same time. */
const MOST_BYTES = 512 * 1024
const MOST_READS = 4

/** @param readable a public file as far as it may be given; null when there is none */
export function createFileService(readable: (log: string) => Readable | null, complain: Complain): FileService {
  let reading = 0
  return async ({ log, from, to }) => {
    if (typeof log !== 'string' || !isCount(from) || !isCount(to))
      return refuse('bad_request', 'file needs log: text, from and to: whole numbers')
    const file = readable(log)
    if (file === null) return refuse('not_found', 'there is no such public file here')
    if (reading >= MOST_READS) return refuse('unavailable', 'too many are reading; try again')
    reading++
    try {
      const bytes = await file.read(from, Math.min(to, from + MOST_BYTES))
      return { log, from, length: file.length, bytes }
    } catch (error) {
      // One that is no longer given was closed, that is all.
      if (readable(log) !== null) complainOfDamage(complain, error as Error)
      return refuse('unavailable', 'that part of the file cannot be read here')
    } finally {
      reading--
    }
  }
}

/** Says that a public file could not be read; at most once in a while. */
export function complainOfDamage(complain: Complain, error: Error): void {
  const what = error instanceof DamageError ? 'is damaged' : 'cannot be read'
  complain(`a public file ${what}: nothing is given of that part; restart this server to have it repaired`, {
    damage: error.message,
  })
}
