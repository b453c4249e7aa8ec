/**
 * What the automatic client does with music, now and then: it plays a track, and keeps those it played in a playlist until
 * that has enough. So people see music in the log and in the files.
 */
import type { Log } from '../platform/log.ts'
import { isMap } from '../protocol/envelope.ts'
import type { Data } from './client.ts'
import { pick, type Random } from './names.ts'

/** Asks until there is an answer; null when it was refused for good, or the bot is ending. */
type Ask = (service: string, data: Data) => Promise<Data | null>

const PLAYLIST = 'favourites'
const ENOUGH = 20

/** @returns plays one more track each time it is called; where nobody serves music it does nothing */
export function createListener(user: string, ask: Ask, random: Random, log: Log): () => Promise<void> {
  const kept = new Set<string>()
  let tracks: Data[] | null = null
  return async () => {
    if (tracks === null) {
      const found = (await ask('catalog', {}))?.tracks
      tracks = Array.isArray(found) ? found.filter(isMap) : []
    }
    if (tracks.length === 0) return
    const { id, title, artist } = pick(tracks, random)
    if ((await ask('play', { user, track: id })) === null) return
    log.info({ title, artist }, 'played')
    if (kept.size >= ENOUGH || kept.has(String(id))) return
    if (kept.size === 0 && (await ask('playlist.create', { user, name: PLAYLIST })) === null) return
    if ((await ask('playlist.add', { user, name: PLAYLIST, track: id })) === null) return
    kept.add(String(id))
    log.info({ playlist: PLAYLIST, title }, 'added to a playlist')
  }
}
