/**
 * What happened, for people: the last lines in memory always, and on request all of it, with the vector clocks that
 * ShiViz (Beschastnikh et al., 2016) needs to draw who could know of what.
 */
export type Trace = {
  note(who: string, text: string): void
  /** A message leaves; what is returned goes to `received` with it. */
  sent(who: string): VectorClock | null
  received(who: string, from: VectorClock | null): void
  /** The last few hundred lines. */
  readonly lines: readonly string[]
  /** Everything, in the form that ShiViz reads with the parser SHIVIZ_PARSER; empty unless asked for. */
  readonly full: readonly string[]
}

export type VectorClock = Record<string, number>

/** The regular expression to give to ShiViz together with the log. */
export const SHIVIZ_PARSER = '(?<time>\\d+) (?<host>\\S+) (?<clock>{.*})\\n(?<event>.*)'

const LINES = 400

export function createTrace(now: () => number, keepAll: boolean): Trace {
  const lines: string[] = []
  const full: string[] = []
  const clocks = new Map<string, VectorClock>()
  const clockOf = (who: string): VectorClock => {
    let clock = clocks.get(who)
    if (clock === undefined) {
      clock = {}
      clocks.set(who, clock)
    }
    return clock
  }
  /** Every line is an event of its host, and nothing else is. */
  const tick = (who: string): VectorClock => {
    const clock = clockOf(who)
    clock[who] = (clock[who] ?? 0) + 1
    return clock
  }
  return {
    lines,
    full,
    note(who, text) {
      lines.push(`${String(now()).padStart(7)} ${who.padEnd(8)} ${text}`)
      if (lines.length > LINES * 2) lines.splice(0, LINES)
      if (keepAll) full.push(`${now()} ${who} ${JSON.stringify(tick(who))}\n${text}`)
    },
    sent: (who) => (keepAll ? { ...clockOf(who) } : null),
    received(who, from) {
      if (from === null) return
      const clock = clockOf(who)
      for (const [host, count] of Object.entries(from)) if (count > (clock[host] ?? 0)) clock[host] = count
    },
  }
}
