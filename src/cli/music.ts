/** Music for people: `catalog`, `play`, `plays`, `top`. */
import type { Command } from 'commander'
import type { Client, Data } from '../client/client.ts'
import { LIMITS } from '../protocol/limits.ts'
import { Failure } from './failure.ts'
import { wholeBetween } from './numbers.ts'
import { JSON_OPTION, print, printJson, printTable, say } from './output.ts'
import { timeOf } from './reply.ts'
import { defaultUser, withClient } from './session.ts'

/** As servers take them. */
const readLimit = wholeBetween(1, LIMITS.historyItems)

type Options = { user: string; genre?: string; limit?: number; json?: true }

export const USER = ['-u, --user <name>', 'whose', defaultUser()] as const

export function addMusic(program: Command): void {
  addCatalog(program)
  addPlay(program)
  addPlays(program)
  addTop(program)
}

function addCatalog(program: Command): void {
  program
    .command('catalog')
    .description('The tracks there are, all of them or those that match.')
    .argument('[words...]', 'of title and artist, whatever the case and accents')
    .option('--genre <genre>', 'only this genre')
    .option('-n, --limit <number>', 'at most so many', readLimit)
    .option(...JSON_OPTION)
    .addHelpText(
      'after',
      '\nExamples:\n  npx compasso catalog\n  npx compasso catalog lua --genre fado\n  npx compasso catalog --json',
    )
    .action(async (words: string[], { json, ...asked }: Omit<Options, 'user'>) => {
      const query = words.length === 0 ? {} : { query: words.join(' ') }
      const reply = await withClient((client) => client.call('catalog', { ...query, ...asked } as Data))
      if (json === true) printJson(reply)
      else printTracks(reply.tracks as Data[])
    })
}

const PLAY_HELP = `
A track is the id that catalog shows, or words of title and artist that only one track has.

Examples:
  npx compasso play espevitado
  npx compasso play gaivota de papel --user ana
`

function addPlay(program: Command): void {
  program
    .command('play')
    .description('Play a track: it counts, and is kept in your history of plays.')
    .argument('<track...>', 'its id, or words of title and artist')
    .option(...USER)
    .option(...JSON_OPTION)
    .addHelpText('after', PLAY_HELP)
    .action((words: string[], { user, json }: Options) =>
      withClient(async (client) => {
        const track = await findTrack(client, words.join(' '))
        const reply = await client.call('play', { user, track: String(track.id) })
        if (json === true) printJson(reply)
        else print(`♪ ${track.title} — ${track.artist}`)
      }),
    )
}

function addPlays(program: Command): void {
  program
    .command('plays')
    .description('What a user played, the newest last.')
    .option(...USER)
    .option('-n, --limit <number>', 'at most so many', readLimit, 20)
    .option('--json', 'for programs: {"items": […], "next": …}')
    .addHelpText('after', '\nExamples:\n  npx compasso plays\n  npx compasso plays --user ana --limit 5 --json')
    .action(async ({ user, limit = 20, json }: Options) => {
      const reply = await withClient((client) => client.call('plays', { user, limit }))
      if (json === true) printJson({ items: reply.items, next: reply.next ?? null })
      else printPlays(reply)
    })
}

function addTop(program: Command): void {
  program
    .command('top')
    .description('The most played tracks.')
    .option('-n, --limit <number>', 'at most so many', wholeBetween(1, 100), 10)
    .option(...JSON_OPTION)
    .addHelpText('after', '\nExamples:\n  npx compasso top\n  npx compasso top --limit 3 --json')
    .action(async ({ limit, json }: Options) => {
      const reply = await withClient((client) => client.call('top', { limit: limit ?? 10 }))
      if (json === true) printJson(reply)
      else printTop(reply)
    })
}

export function printPlays(reply: Data): void {
  const plays = reply.items as Data[]
  if (plays.length === 0) return say('nothing was played')
  printTable(
    ['position', 'time', 'track'],
    plays.map(({ n, time, timestamp, track }) => [Number(n), timeOf(time ?? timestamp), String(track)]),
  )
}

export function printTop(reply: Data): void {
  const tracks = reply.tracks as Data[]
  if (tracks.length === 0) return say('nothing was played yet')
  printTable(
    ['plays', 'id', 'title', 'artist'],
    tracks.map(({ plays, id, title, artist }) => [Number(plays), String(id), String(title), String(artist)]),
  )
}

export function printTracks(tracks: readonly Data[]): void {
  if (tracks.length === 0) return say('no tracks')
  const rows = tracks.map(({ id, title, artist, genre, year, seconds }) => [
    ...[id, title, artist, genre, year].map(String),
    length(Number(seconds)),
  ])
  printTable(['id', 'title', 'artist', 'genre', 'year', 'length'], rows)
}

/** Seconds as m:ss. */
const length = (seconds: number): string => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`

const SHOWN = 5

/** The track that an id or some words mean. @throws {Failure} when it is none, or several */
export async function findTrack(client: Client, text: string): Promise<Data> {
  const { tracks: all } = await client.call('catalog', { limit: 1000 })
  const exact = (all as Data[]).find(({ id, title }) => id === text || title === text)
  if (exact !== undefined) return exact
  const { tracks } = await client.call('catalog', { query: text, limit: SHOWN + 1 })
  const found = tracks as Data[]
  if (found.length === 1) return found[0]!
  const names = found.slice(0, SHOWN).map(({ id, title }) => `${id} (${title})`)
  if (names.length === 0) throw new Failure(`no track has ${JSON.stringify(text)} — npx compasso catalog lists them`)
  const more = found.length > SHOWN ? ', …' : ''
  throw new Failure(`several tracks have ${JSON.stringify(text)}: ${names.join(', ')}${more} — give the id`)
}
