/** Whether requests would succeed: asks the cluster something small, again and again. */
import { CallError, type Client } from '../client/client.ts'
import { pause } from '../client/waiting.ts'

const EVERY_MS = 1000
const LIMIT_MS = 3000
/** While nobody has answered yet. */
const SOON_MS = 100

/**
 * Watches until the signal.
 * @param onChange told after each question whether it was answered, and why not
 */
export async function watchCluster(
  client: Pick<Client, 'call'>,
  signal: AbortSignal,
  onChange: (ready: boolean, why?: string) => void,
): Promise<void> {
  for (let ready = false; !signal.aborted; await pause(ready ? EVERY_MS : SOON_MS, signal)) {
    const why = await ask(client)
    if (signal.aborted) return
    ready = why === null
    onChange(ready, why ?? undefined)
  }
}

/** A read of the replicated state: it takes a broker, and a server that is a member. @returns why not, or null */
async function ask(client: Pick<Client, 'call'>): Promise<string | null> {
  try {
    await client.call('history', { channel: 'healthz', limit: 1 }, { deadlineMs: LIMIT_MS })
    return null
  } catch (error) {
    // That there is no such channel is an answer.
    return error instanceof CallError && !error.retriable ? null : String((error as Error).message)
  }
}
