/**
 * How long answers take of late: the longest, forgotten by half every HALF_LIFE_MS. What has waited no longer than that is
 * not lost but in a queue, and sending it again would only make the queue longer. Pure: time is an argument.
 */

const HALF_LIFE_MS = 1000

export class Pace {
  #longest = 0
  #at = 0

  /** Notes an answer that came `took` milliseconds after it was asked for. */
  answered(took: number, now: number): void {
    if (took < this.ms(now)) return
    this.#longest = took
    this.#at = now
  }

  /** Milliseconds. */
  ms(now: number): number {
    return this.#longest === 0 ? 0 : this.#longest * 2 ** (-Math.max(0, now - this.#at) / HALF_LIFE_MS)
  }
}
