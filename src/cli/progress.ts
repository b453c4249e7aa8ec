/** A bar for what takes long: on standard error, only on a terminal, and only once it has taken a moment. */
const WIDTH = 30
const PATIENCE_MS = 300
const EVERY_MS = 100
const CLEAR_LINE = '\r\u001b[K'

export type Progress = {
  /** So much more is done. */
  add(amount: number): void
  /** Takes the bar away. */
  end(): void
}

/** @param total what counts as all */
export function createProgress(what: string, total: number): Progress {
  const shown = process.stderr.isTTY === true
  let done = 0
  let nextAt = Date.now() + PATIENCE_MS
  let drawn = false
  return {
    add(amount) {
      done += amount
      if (!shown || Date.now() < nextAt) return
      nextAt = Date.now() + EVERY_MS
      drawn = true
      process.stderr.write(`${CLEAR_LINE}${bar(what, Math.min(1, done / Math.max(1, total)))}`)
    },
    end() {
      if (drawn) process.stderr.write(CLEAR_LINE)
      drawn = false
    },
  }
}

/** `exporting  ███████░░░  64 %` */
export function bar(what: string, share: number): string {
  const full = Math.round(share * WIDTH)
  return `${what}  ${'█'.repeat(full)}${'░'.repeat(WIDTH - full)}  ${Math.floor(share * 100)} %`
}
