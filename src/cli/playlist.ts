/** `compasso playlist …`: a user's playlists. */
import type { Command } from 'commander'
import type { Data } from '../client/client.ts'
import { escapeControls } from '../platform/pretty.ts'
import { findTrack, printTracks, USER } from './music.ts'
import { JSON_OPTION, print, printJson, printTable, say } from './output.ts'
import { timeOf } from './reply.ts'
import { request, withClient } from './session.ts'

type Options = { user: string; json?: true }

const HELP = `
A track is the id that catalog shows, or words of title and artist that only one track has.

Examples:
  npx compasso playlist create evening
  npx compasso playlist add evening espevitado
  npx compasso playlist add evening gaivota de papel
  npx compasso playlist show evening
  npx compasso playlist list --user ana --json
`

export function addPlaylist(program: Command): void {
  const playlist = program
    .command('playlist')
    .description('Make, change and show playlists.')
    .addHelpText('after', HELP)
  addList(playlist)
  addShow(playlist)
  addNamed(playlist, 'create', 'Create an empty playlist.', 'is there now')
  addNamed(playlist, 'delete', 'Delete a playlist with all that is in it.', 'is deleted')
  addTrackCommand(playlist, 'add', 'Add a track to the end of a playlist.', 'to')
  addTrackCommand(playlist, 'remove', 'Take a track out of a playlist.', 'from')
}

const example = (line: string): string =>
  `\nExamples:\n  npx compasso playlist ${line}\n  npx compasso playlist ${line} --user ana --json`

function addList(playlist: Command): void {
  playlist
    .command('list')
    .description('The names of all playlists of a user.')
    .option(...USER)
    .option(...JSON_OPTION)
    .addHelpText('after', example('list'))
    .action(async ({ user, json }: Options) => {
      const reply = await request('playlist.list', { user })
      if (json === true) return printJson(reply)
      const lists = reply.playlists as Data[]
      if (lists.length === 0) return say(`${user} has no playlists — npx compasso playlist create NAME`)
      printTable(
        ['playlist', 'tracks', 'created'],
        lists.map(({ name, tracks, created }) => [String(name), Number(tracks), timeOf(created)]),
      )
    })
}

function addShow(playlist: Command): void {
  playlist
    .command('show')
    .description('The tracks of a playlist.')
    .argument('<name>')
    .option(...USER)
    .option(...JSON_OPTION)
    .addHelpText('after', example('show evening'))
    .action(async (name: string, { user, json }: Options) => {
      const reply = await request('playlist.get', { user, name })
      if (json === true) printJson(reply)
      else printTracks(reply.tracks as Data[])
    })
}

function addNamed(playlist: Command, verb: 'create' | 'delete', description: string, done: string): void {
  playlist
    .command(verb)
    .description(description)
    .argument('<name>')
    .option(...USER)
    .option(...JSON_OPTION)
    .addHelpText('after', example(`${verb} evening`))
    .action(async (name: string, { user, json }: Options) => {
      const reply = await request(`playlist.${verb}`, { user, name })
      if (json === true) printJson(reply)
      else print(`playlist ${escapeControls(name)} of ${escapeControls(user)} ${done}`)
    })
}

function addTrackCommand(playlist: Command, verb: 'add' | 'remove', description: string, preposition: string): void {
  playlist
    .command(verb)
    .description(description)
    .argument('<name>', 'of the playlist')
    .argument('<track...>', 'its id, or words of title and artist')
    .option(...USER)
    .option(...JSON_OPTION)
    .addHelpText('after', example(`${verb} evening espevitado`))
    .action((name: string, words: string[], { user, json }: Options) =>
      withClient(async (client) => {
        const { id, title } = await findTrack(client, words.join(' '))
        const reply = await client.call(`playlist.${verb}`, { user, name, track: String(id) })
        const past = verb === 'add' ? 'added' : 'removed'
        if (json === true) printJson(reply)
        else print(`${past} ${escapeControls(String(title))} ${preposition} ${escapeControls(name)}`)
      }),
    )
}
