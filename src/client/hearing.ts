/** What was heard of a broker: from that follows whether a batch without a reply is to be sent again. */
import { Pace } from '../core/pace.ts'

/** Times in ms; `answeredSentAt`: when the newest batch that was answered had been sent. */
export type Hearing = { repliedAt: number; answeredSentAt: number; pace: Pace }

/** A broker that says nothing for so long is silent. */
export const SILENT_MS = 500
/** A batch is overtaken when one that was sent this much later is answered. */
const OVERTAKEN_MS = 100
/** Sent again after this even if neither overtaken nor silent. */
const PATIENCE_MS = 4000

export const createHearing = (): Hearing => ({ repliedAt: 0, answeredSentAt: 0, pace: new Pace() })

/** Notes a reply to a batch that was sent at a time. */
export function hearReply(heard: Hearing, sentAt: number, now: number): void {
  heard.answeredSentAt = Math.max(heard.answeredSentAt, sentAt)
  heard.pace.answered(now - sentAt, now)
}

export const isSilent = (heard: Hearing, now: number): boolean => now - heard.repliedAt >= SILENT_MS

/** Whether a batch that was sent at a time and has no reply is probably lost. */
export function isOverdue({ repliedAt, answeredSentAt, pace }: Hearing, sentAt: number, now: number): boolean {
  const usual = pace.ms(now)
  if (now - repliedAt >= SILENT_MS + usual) return true
  if (answeredSentAt >= sentAt + Math.max(OVERTAKEN_MS, usual)) return true
  return now - sentAt >= Math.max(PATIENCE_MS, 2 * usual)
}
