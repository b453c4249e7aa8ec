/** Log lines about what strangers send: at once, but at most one of a kind in a while, whatever they send. */
/** As much of a log as it needs. */
type Warn = { warn(fields: Record<string, unknown>, text: string): void }

export type Complain = (kind: string, fields?: Record<string, unknown>) => void

const QUIET_MS = 5000

/**
 * @param log where to; nothing is written without one
 * @returns a function that writes a warning, or counts it for the next line of its kind
 */
export function createComplaints(log: Warn | undefined): Complain {
  const kinds = new Map<string, { until: number; suppressed: number }>()
  return (kind, fields = {}) => {
    const now = Date.now()
    const last = kinds.get(kind)
    if (last !== undefined && now < last.until) {
      last.suppressed++
      return
    }
    kinds.set(kind, { until: now + QUIET_MS, suppressed: 0 })
    const before = last?.suppressed ?? 0
    log?.warn(before === 0 ? fields : { ...fields, suppressed: before }, kind)
  }
}
