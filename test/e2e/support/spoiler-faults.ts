/** Ways to break one rule of the protocol's full level, and the rules that must find it. */
import type { Fault } from './spoiler.ts'

const withData = (change: (data: Record<string, unknown>, service: unknown) => Record<string, unknown>): Fault => ({
  reply: (envelope) => ({ ...envelope, data: change(envelope.data ?? {}, envelope.service) }),
})
const onErrors = (change: (data: Record<string, unknown>) => Record<string, unknown>): Fault =>
  withData((data) => (data.status === 'erro' ? { ...data, ...change(data) } : data))

/** A broker that replaces each id on the way in and puts it back on the way out: every request is new to the servers. */
function forgetsIds(): Fault {
  const given = new Map<string, unknown>()
  return {
    request: (envelope) => {
      if (typeof envelope.id !== 'string' || !envelope.id.endsWith('-id')) return envelope
      const id = `spoiled-${given.size}`
      given.set(id, envelope.id)
      return { ...envelope, id }
    },
    reply: (envelope) =>
      given.has(String(envelope.id)) ? { ...envelope, id: given.get(String(envelope.id)) } : envelope,
  }
}

/** A clock that adopts whatever comes. */
function believesClocks(): Fault {
  let clock = 0
  const adopt = (received: unknown): void => {
    if (Number.isSafeInteger(received)) clock = Math.max(clock, Number(received))
  }
  return {
    request: (envelope) => {
      adopt(envelope.data?.clock)
      return envelope
    },
    ...withData((data) => {
      adopt(data.clock)
      return { ...data, clock: ++clock }
    }),
  }
}

/** Of the full level: each fault, the rules that find it, and those that need them. */
export const FULL_FAULTS: Record<string, { fault: Fault; failed: string[]; skipped?: string[] }> = {
  'no ids in replies': {
    fault: { reply: ({ id: _, ...envelope }) => envelope },
    failed: ['envelope.id'],
    skipped: ['ids.same-answer', 'ids.one-effect', 'batch.order', 'batch.independent', 'limits.id'],
  },
  'ids without effect': { fault: forgetsIds(), failed: ['ids.same-answer', 'ids.one-effect'] },
  'clocks from the future': { fault: believesClocks(), failed: ['limits.clock-lead'] },
  'seconds as timestamps': {
    fault: withData((data) => ({ ...data, timestamp: Number(data.timestamp) / 1000 })),
    failed: ['clocks.milliseconds'],
  },
  'errors that do not say whether to retry': {
    fault: onErrors(() => ({ retriable: undefined })),
    failed: ['errors.fields'],
    skipped: ['errors.codes', 'errors.quoting'],
  },
  'a code of its own': {
    fault: onErrors(({ code }) => ({ code: code === 'unknown_user' ? 'who' : code })),
    failed: ['errors.codes', 'errors.unknown-user'],
  },
  'errors that ring': {
    fault: onErrors(({ message }) => ({ description: `${message}\u0007`, message: `${message}\u0007` })),
    failed: ['errors.quoting'],
  },
  'batches answered backwards': {
    fault: { body: (body) => (Array.isArray(body) ? body.toReversed() : body) },
    failed: ['batch.order'],
    skipped: ['batch.independent'],
  },
  'history backwards': {
    fault: withData((data) => (Array.isArray(data.items) ? { ...data, items: data.items.toReversed() } : data)),
    failed: ['history', 'history.direct'],
    skipped: ['history.pages', 'ids.one-effect'],
  },
  'channels under one name': {
    fault: withData((data, service) => (service === 'channels' ? { ...data, users: undefined } : data)),
    failed: ['channels.both'],
  },
}

/** A broker that now and then says "not now": no rule is broken by that. */
export function oftenUnavailable(): Fault {
  const says = { status: 'erro', code: 'unavailable', description: 'later', message: 'later', retriable: true }
  let count = 0
  return {
    body: (body) => {
      if (Array.isArray(body) || ++count % 40 !== 0) return body
      const envelope = body as { data: Record<string, unknown> }
      return { ...envelope, data: { ...says, timestamp: envelope.data.timestamp, clock: envelope.data.clock } }
    },
  }
}
