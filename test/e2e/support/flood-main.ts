/** The process of flood.ts. */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { Dealer } from 'zeromq'
import { CallError, connect, type Data } from '../../../src/client/client.ts'
import { decode, encode } from '../../../src/protocol/codec.ts'
import { type FloodPlan, type FloodReport, paddedText } from './flood.ts'

const plan = JSON.parse(process.argv[2]!) as FloodPlan
const report: FloodReport = { sent: 0, okay: [], refused: {}, unanswered: 0 }
const until = Date.now() + plan.seconds * 1000
/** How long the last replies are waited for. */
const LAST_REPLIES_MS = 10_000
/** How long a call is tried. */
const DEADLINE_MS = 10_000

process.on('disconnect', () => process.exit(1))
if (plan.kind === 'library') await floodByLibrary()
else await Promise.all(Array.from({ length: plan.connections }, floodByDealer))
await new Promise((sent) => process.send!(report, sent))
process.exit(0)

function note(number: number, data: Data): void {
  if (data.status !== 'erro') report.okay.push(number)
  else {
    const code = String(data.code)
    report.refused[code] = (report.refused[code] ?? 0) + 1
  }
}

async function floodByLibrary(): Promise<void> {
  const lane = async (client: ReturnType<typeof connect>): Promise<void> => {
    while (Date.now() < until) {
      const number = report.sent++
      const { service, data } = requestOf(number)
      try {
        note(number, await client.call(service, data, { deadlineMs: DEADLINE_MS }))
      } catch (error) {
        if (!(error instanceof CallError)) throw error
        note(number, { status: 'erro', code: error.code })
      }
    }
  }
  const clients = Array.from({ length: plan.connections }, () => connect({ broker: plan.broker }))
  await Promise.all(clients.flatMap((client) => Array.from({ length: plan.inFlight }, () => lane(client))))
}

/** Sends without ids, each under a number in a frame of its own, by which its reply is recognised. */
async function floodByDealer(): Promise<void> {
  const socket = new Dealer({ linger: 0, sendTimeout: 100, sendHighWaterMark: 1000, receiveHighWaterMark: 1000 })
  socket.connect(plan.broker)
  let waiting = 0
  if (plan.kind === 'pipeline') {
    void (async () => {
      for await (const frames of socket) {
        waiting--
        note(frames[0]!.readUInt32BE(), (decode(frames[2]!) as { data: Data }).data)
      }
    })()
  }
  for (let turn = 1; Date.now() < until; turn++) {
    if (turn % 100 === 0) await nextTurn()
    if (waiting >= plan.inFlight) {
      await sleep(1)
      continue
    }
    const number = report.sent++
    const head = Buffer.alloc(4)
    head.writeUInt32BE(number)
    try {
      await socket.send([head, '', encode(requestOf(number))])
      waiting++
    } catch {
      // The broker does not read: the text of this number was never sent.
    }
  }
  if (plan.kind === 'pipeline') {
    const last = Date.now() + LAST_REPLIES_MS
    while (waiting > 0 && Date.now() < last) await sleep(20)
  }
  report.unanswered += waiting
}

function requestOf(number: number): { service: string; data: Data } {
  const { user, channel, bytes, service = 'publish' } = plan
  if (service === 'history') return { service, data: { channel, limit: 1000 } }
  if (service === 'users') return { service, data: {} }
  return { service, data: { user, channel, message: paddedText(user, number, bytes), timestamp: Date.now() } }
}
