/** What a rule of the protocol is, and how one says that it is broken. */
import { escapeControls } from '../../platform/pretty.ts'
import type { Probe } from './probe.ts'

/** `course`: what every server of the course's protocol does (◆); `full`: what docs/protocol.md says besides. */
export type Level = 'course' | 'full'

export type Rule = {
  /** Never changes its meaning: people and programs compare reports by it. */
  id: string
  /** An anchor of docs/protocol.md. */
  section: string
  level: Level
  /** One sentence, what is so when the rule is kept. */
  says: string
  /** Rules that must be kept for this one to be tried. */
  needs?: readonly string[]
  /** Needs a proxy to subscribe to. */
  proxy?: true
  /** @throws {Deviation} when the rule is broken */
  check(probe: Probe): Promise<void>
}

/** The rule is broken: what was expected, and what came. */
export class Deviation extends Error {
  readonly expected: string
  readonly got: string

  constructor(expected: string, got: string) {
    super(`expected ${expected}, got ${got}`)
    this.expected = expected
    this.got = got
  }
}

/** Nothing came in time: perhaps nobody is there any more. */
export class Silence extends Deviation {}

/** The rule says nothing about this broker; the message says why. */
export class NotApplicable extends Error {}

/** Something must be so. @param got what came, as it came */
export function expect(isSo: boolean, expected: string, got: unknown): asserts isSo {
  if (!isSo) throw new Deviation(expected, describe(got))
}

const LONGEST = 200

/** What somebody sent, short, on one line, with nothing in it that a terminal would obey. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value, (_, inner: unknown) => {
    if (inner instanceof Uint8Array) return `(${inner.length} bytes)`
    // A buffer turns itself into a map before this sees it.
    const { type, data } = (inner ?? {}) as { type?: unknown; data?: unknown }
    if (type === 'Buffer' && Array.isArray(data)) return `(${data.length} bytes)`
    return typeof inner === 'bigint' ? `${inner}` : inner
  })
  return escapeControls(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text)
}
