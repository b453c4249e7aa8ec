/** Own events: all that one step makes becomes one batch, in memory, in the journal, and on its way to the others. */
import { addRun, eventsRecord } from './journal.ts'
import { appendEvent, eventAt, type OriginLog } from './origin_log.ts'
import { EVENTS_BYTES } from './repair.ts'
import { journal, type Replica, stamp } from './state.ts'

/** Makes one batch of all events of this step: into memory, into the journal, and on to the others. */
export function publishEvents(r: Replica): void {
  if (r.newLines.length === 0) return
  const own = r.own!
  const text = r.newLines.join('')
  const lines = Buffer.from(text)
  const ascii = lines.length === text.length
  const from = own.held + 1
  const runs: [string, number][] = []
  let start = 0
  for (let i = 0; i < r.newLines.length; i++) {
    const [clock, log, id] = r.newHead[i]!
    const end = start + (ascii ? r.newLines[i]!.length : Buffer.byteLength(r.newLines[i]!))
    appendEvent(own, { clock, log, id, blob: lines, start, end })
    addRun(runs, log)
    start = end
  }
  r.newHead = []
  r.newLines = []
  journal(r, eventsRecord(own.origin, from, runs, lines))
  r.marks.set(own, own.held)
  sendEvents(r, own, from)
}

function sendEvents(r: Replica, own: OriginLog, from: number): void {
  while (from <= own.held) {
    const first = eventAt(own, from)
    const head: [number, string, string, number][] = []
    let end = first.start
    for (let seq = from; seq <= own.held; seq++) {
      const event = eventAt(own, seq)
      if (head.length > 0 && event.end - first.start > EVENTS_BYTES) break
      head.push([event.clock, event.log, event.id, event.end - event.start])
      end = event.end
    }
    const message = stamp(r, {
      type: 'events',
      origin: own.origin,
      from,
      head,
      lines: first.blob.subarray(first.start, end),
    })
    r.effects.push({ type: 'publish', message })
    from += head.length
  }
}
