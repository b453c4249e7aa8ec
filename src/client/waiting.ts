/** Waiting that an AbortSignal ends, and that leaves nothing behind on a signal that lives long. */

/** Who waits for a signal: one listener on it stands for all, since Node warns of a leak when there are more than ten. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls back once when a signal is aborted; at once when it is already.
 * @returns takes the listener away
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal === undefined) return () => {}
  if (signal.aborted) {
    listener()
    return () => {}
  }
  const all = waiting.get(signal) ?? waitFor(signal)
  // Its own function, so that the same listener may be there twice.
  const one = (): void => listener()
  all.add(one)
  return () => {
    if (all.delete(one) && all.size === 0 && waiting.delete(signal)) signal.removeEventListener('abort', tellAll)
  }
}

function waitFor(signal: AbortSignal): Set<() => void> {
  const all = new Set<() => void>()
  waiting.set(signal, all)
  signal.addEventListener('abort', tellAll, { once: true })
  return all
}

function tellAll(this: AbortSignal): void {
  const all = waiting.get(this)
  waiting.delete(this)
  for (const listener of all ?? []) listener()
}

/** A controller that is aborted with the first of these signals. Once it is aborted, it leaves nothing on them. */
export function endedBy(...signals: (AbortSignal | undefined)[]): AbortController {
  const controller = new AbortController()
  for (const signal of signals)
    onAbort(
      controller.signal,
      onAbort(signal, () => controller.abort()),
    )
  return controller
}

/** Rings for one who waits, or for whoever waits next. */
export type Bell = {
  ring(): void
  /** Forgets that it rang. */
  hush(): void
  /** Resolves when it rings or rang, after `ms`, or when the signal is aborted. @returns whether it rang */
  wait(ms: number): Promise<boolean>
}

export function createBell(signal: AbortSignal): Bell {
  let rung = false
  let wake = (): void => {}
  return {
    ring() {
      rung = true
      wake()
    },
    hush() {
      rung = false
    },
    async wait(ms) {
      if (!rung)
        await pause(ms, signal, (release) => {
          wake = release
        })
      return rung
    },
  }
}

/** Resolves after `ms`, when the signal is aborted, or when `release` is called. */
export function pause(
  ms: number,
  signal: AbortSignal,
  expose: (release: () => void) => void = () => {},
): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      forget()
      resolve()
    }
    const timer = setTimeout(done, ms)
    let forget = (): void => {}
    forget = onAbort(signal, done)
    expose(done)
  })
}
