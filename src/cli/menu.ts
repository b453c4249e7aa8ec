/** `compasso menu`: everything by numbers, for who does not want to remember commands. */
import type { Command } from 'commander'
import { CallError, type Client } from '../client/client.ts'
import { loadConfig } from '../platform/config.ts'
import { escapeControls } from '../platform/pretty.ts'
import { Failure } from './failure.ts'
import { hintFor } from './hints.ts'
import { topMenu } from './menu-entries.ts'
import { print } from './output.ts'
import { requireThere } from './probe.ts'
import { createPrompter, EndOfInput, type Prompter } from './prompter.ts'
import { defaultUser, withClient } from './session.ts'

export type MenuContext = { client: Client; prompter: Prompter; user: string }
/** What can be chosen: something to do, or a menu of its own. */
export type Entry = { name: string; about: string } & ({ run(context: MenuContext): Promise<void> } | { menu: Menu })
export type Menu = { title: string; entries: readonly Entry[] }

const HELP = `
Type a number, or the name beside it, and Enter. Enter alone, 0 or Escape goes back; Ctrl-C leaves at any moment. It says
what each thing does, asks what it needs, and says what is wrong with an answer before anything is sent.

Examples:
  npx compasso menu
  npx compasso menu --user ana
  printf '%s\\n' 1 10 5 0 | npx compasso menu
`

export function addMenu(program: Command): void {
  program
    .command('menu')
    .description('Everything by numbers: sum, mean, search, info, chat, music.')
    .option('-u, --user <name>', 'who you are', defaultUser())
    .addHelpText('after', HELP)
    .action(({ user }: { user: string }) =>
      withClient(
        async (client) => {
          const prompter = await createPrompter()
          try {
            print(`Compasso at ${loadConfig().brokerUrls.join(', ')} — you are ${escapeControls(user)}`)
            await show({ client, prompter, user }, topMenu(), 'leave')
            print('Bye')
          } catch (error) {
            if (!(error instanceof EndOfInput)) throw error
          } finally {
            prompter.close()
          }
        },
        { proxy: true },
      ),
    )
}

/** Shows a menu again and again until the person goes back. @param back what 0 does */
async function show(context: MenuContext, menu: Menu, back: string): Promise<void> {
  for (;;) {
    print(`\n${menu.title}`)
    menu.entries.forEach(({ name, about }, index) => {
      print(`  ${String(index + 1).padStart(2)}  ${name.padEnd(16)}${about}`)
    })
    print(`   0  ${back}\n`)
    const answer = await context.prompter.ask('Your choice', (text) => checkChoice(menu, text))
    const entry = answer === null ? undefined : choose(menu, answer)
    if (entry === undefined) return
    if ('menu' in entry) await show(context, entry.menu, 'back')
    else await attempt(context, entry)
  }
}

/** @returns undefined for 0 and for nothing: back */
function choose({ entries }: Menu, text: string): Entry | undefined {
  return entries.find(({ name }, index) => text === String(index + 1) || text.toLowerCase() === name)
}

function checkChoice(menu: Menu, text: string): string | null {
  if (text === '0' || choose(menu, text) !== undefined) return null
  return `type a number from 0 to ${menu.entries.length}, or a name from the list`
}

/** What goes wrong is said, and the menu is there again. */
async function attempt(
  context: MenuContext,
  entry: Entry & { run(context: MenuContext): Promise<void> },
): Promise<void> {
  try {
    await requireThere('broker', loadConfig().brokerUrls)
    await entry.run(context)
  } catch (error) {
    if (error instanceof Failure) print(`✗ ${escapeControls(error.message)}`)
    else if (error instanceof CallError)
      print(`✗ ${escapeControls([error.description, hintFor(error.code)].filter(Boolean).join(' — '))}`)
    else throw error
  }
}
