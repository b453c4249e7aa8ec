/** Whether the disk has room: looked at every second, so that writes are refused before anything is half done. */
import { statfs } from 'node:fs/promises'

const POLL_MS = 1000
/** Full below this much, bytes, or below a twentieth of a small disk; not full again above twice that. */
const LEAST_FREE = 64 << 20

export type SpaceWatch = {
  readonly isFull: boolean
  /** Something found no room: full until the next look says otherwise. */
  full(): void
  stop(): void
}

/**
 * @param onChange told whether the disk is full, whenever that changes
 * @param onFailure told when it cannot be found out: the directory is gone
 */
export function watchSpace(
  directory: string,
  onChange: (full: boolean, freeBytes: number) => void,
  onFailure: (error: Error) => void,
): SpaceWatch {
  let isFull = false
  const change = (full: boolean, free: number): void => {
    if (full === isFull) return
    isFull = full
    onChange(full, free)
  }
  const look = async (): Promise<void> => {
    const { bavail, bsize, blocks } = await statfs(directory)
    const free = bavail * bsize
    const least = Math.min(LEAST_FREE, (blocks * bsize) / 20)
    if (free < least) change(true, free)
    else if (free >= 2 * least) change(false, free)
  }
  const timer = setInterval(() => void look().catch(onFailure), POLL_MS)
  void look().catch(onFailure)
  return {
    get isFull() {
      return isFull
    },
    full: () => change(true, 0),
    stop: () => clearInterval(timer),
  }
}
