/** A real terminal for programs under test: a window of tmux, typed into and looked at. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { waitFor } from './wait.ts'

export type Terminal = {
  /** Types a text and Enter. */
  type(text: string): void
  /** Presses a key by its name in tmux: C-c, Escape, Enter. */
  press(key: string): void
  /** What is on the screen. */
  screen(): string
  /** Resolves when this is on the screen. */
  shows(text: string | RegExp): Promise<void>
  clear(): Promise<void>
}

/** Why there is no terminal, or false: what `skip` of a test takes. @throws in CI, where nothing may be missing */
export function hasNoTmux(): string | false {
  try {
    execFileSync('tmux', ['-V'], { stdio: 'ignore' })
    return false
  } catch {
    const reason = 'tmux is not installed'
    if (process.env.CI) throw new Error(reason)
    return reason
  }
}

/** A terminal with a plain shell in it. @param env what the shell has besides the variables of the tests */
export function openTerminal(t: TestContext, env: Readonly<Record<string, string>>): Terminal {
  const folder = mkdtempSync(join(tmpdir(), 'compasso-tmux-'))
  const tmux = (...args: string[]): string =>
    execFileSync('tmux', ['-S', join(folder, 's'), ...args], { encoding: 'utf8' })
  const { CI: _, TMUX: __, ...inherited } = process.env
  const variables = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`])
  // A server of its own, so that it has the environment of this process and ends with the test.
  execFileSync(
    'tmux',
    [
      '-S',
      join(folder, 's'),
      '-f',
      '/dev/null',
      'new-session',
      '-d',
      '-x',
      '140',
      '-y',
      '60',
      ...variables,
      'bash --norc --noprofile',
    ],
    { env: { ...inherited, PS1: '$ ', LC_ALL: 'C.UTF-8' } },
  )
  t.after(() => {
    tmux('kill-server')
    rmSync(folder, { recursive: true, force: true })
  })
  const screen = (): string => tmux('capture-pane', '-p').trimEnd()
  const shows = async (text: string | RegExp): Promise<void> => {
    const has = (): boolean => (typeof text === 'string' ? screen().includes(text) : text.test(screen()))
    await waitFor(has, () => `${text} on the screen\n${screen()}`)
  }
  const press = (key: string): void => void tmux('send-keys', key)
  return {
    type(text) {
      tmux('send-keys', '-l', text)
      press('Enter')
    },
    press,
    screen,
    shows,
    async clear() {
      press('C-l')
      await waitFor(
        () => screen().split('\n').length <= 2,
        () => `an empty screen\n${screen()}`,
      )
    },
  }
}
