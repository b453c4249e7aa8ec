/** ref's process: ranks, heartbeats, views; its state is on disk before anybody hears what follows from it. */
import { join } from 'node:path'
import { createRefState } from '../core/ref_state.ts'
import { lockDirectory } from '../platform/lock.ts'
import { runRole } from '../platform/role.ts'
import { bindSocket, createSocket, createWriter, readLoop } from '../platform/sockets.ts'
import { Ref } from './ref.ts'
import { loadState, saveState, stateFile } from './state-file.ts'

const TICK_MS = 100
/** Messages read ahead from whoever connects, of up to 1 MiB; a server sends one a second. */
const READ_AHEAD = 16
const ANSWER_QUEUE = 64
/** How long the last answers may take to leave. */
const LINGER_MS = 500

runRole('ref', async ({ config, log, onStop, setHealth, setClock }) => {
  const directory = join(config.dataDir, 'ref')
  const lock = await lockDirectory(directory)
  onStop(() => lock.release())
  const path = stateFile(directory)
  const persisted = loadState(path)
  const state = createRefState(persisted, config.replicas, performance.now())
  const socket = createSocket('router', {
    ...{ receiveHighWaterMark: READ_AHEAD, sendHighWaterMark: ANSWER_QUEUE },
    linger: LINGER_MS,
  })
  // Who has gone hears nothing; the servers ask again every second.
  const writer = createWriter(socket)
  const ref = new Ref({
    state,
    log,
    persist: (now) => saveState(path, now),
    send: (frames) => writer.send(frames),
  })
  setClock(() => ref.clock)
  const endpoint = await bindSocket(socket, `tcp://${config.bindHost}:${config.refPort}`)
  log.info({ endpoint, state: path, view: state.view?.number ?? 0 }, 'taking heartbeats')
  void readLoop(socket, (frames) => ref.receive(frames, performance.now()))
  const timer = setInterval(() => {
    ref.tick(performance.now())
    setHealth(true, { view: state.view?.number ?? null, servers: state.servers.size })
  }, TICK_MS)
  setHealth(true)
  onStop(() => {
    clearInterval(timer)
    socket.close()
  })
})
