/** Damage: something in a directory is not what was written there. */

/** The message names the file, and the place in it as exactly as it is known. */
export class DamageError extends Error {}

/**
 * Reads; a place that the disk cannot read is damage like any other.
 * @param what the file, and where in it, for the message
 * @throws {DamageError} for EIO, and whatever else reading throws, with `what` for its path
 */
export async function reading<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    // Reading from an open file does not say which.
    if ((error as NodeJS.ErrnoException).code !== 'EIO') throw Object.assign(error as Error, { path: what })
    throw new DamageError(`${what}: the disk cannot read it (EIO)`)
  }
}
