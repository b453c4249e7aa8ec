/** Reads of clients, and whether each sees what the same client had been answered before it asked. */
import type { Data } from '../../../src/client/client.ts'
import type { Ask } from './clients.ts'

type Kind = 'published' | 'written' | 'user' | 'channel'

/** An attempt that nobody answered may take effect later, behind the last one that was answered; a few of them at most. */
const PAGE = 50

export class Reader {
  readonly counts = { exact: 0, stale: 0, failed: 0 }
  readonly #violations: string[]
  /** Per client and kind, the last that was answered OK. */
  readonly #expected = new Map<string, string>()

  constructor(violations: string[]) {
    this.#violations = violations
  }

  /** From now on whoever asks as this client must see it. */
  expect(client: string, kind: Kind, text: string): void {
    this.#expected.set(`${client} ${kind}`, text)
  }

  /** One read of some kind. @param choice in [0, 1) */
  async read({ name, room }: { name: string; room: string }, ask: Ask, choice: number): Promise<void> {
    if (choice < 0.4) return this.#look(name, 'published', () => history(ask, { channel: room }))
    if (choice < 0.7) return this.#look(name, 'written', () => history(ask, { user: name }))
    if (choice < 0.85) return this.#look(name, 'user', () => list(ask, 'users'))
    return this.#look(name, 'channel', () => list(ask, 'channels'))
  }

  async #look(client: string, kind: Kind, ask: () => Promise<Data & { found: unknown[] }>): Promise<void> {
    const expected = this.#expected.get(`${client} ${kind}`)
    const answer = await ask().catch(() => null)
    if (answer === null || answer.status === 'erro') this.counts.failed++
    else if (answer.stale === true) this.counts.stale++
    else {
      this.counts.exact++
      if (expected === undefined || answer.found.includes(expected)) return
      const newest = JSON.stringify(answer.found.slice(-3))
      this.#violations.push(`${client} was told that "${expected}" is done, and then read ${newest}`)
    }
  }
}

async function history(ask: Ask, of: Data): Promise<Data & { found: unknown[] }> {
  const answer = await ask('history', { ...of, limit: PAGE })
  const items = Array.isArray(answer.items) ? (answer.items as Data[]) : []
  return { ...answer, found: items.map((item) => item.message) }
}

async function list(ask: Ask, service: 'users' | 'channels'): Promise<Data & { found: unknown[] }> {
  const answer = await ask(service, {})
  return { ...answer, found: answer[service] as unknown[] }
}
