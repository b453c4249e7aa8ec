/** The programs of examples/python, and one that publishes until it is told to stop. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { Operation } from './history.ts'
import { waitFor } from './wait.ts'

/** Debian's, which has python3-zmq; another one in the path may not. */
const PYTHON = '/usr/bin/python3'
const EXAMPLES = join(import.meta.dirname, '..', '..', '..', '..', 'examples', 'python')

export type Output = { code: number; stdout: string; stderr: string }

/** Runs one of the examples to its end. */
export const runExample = (program: string, args: readonly string[]): Promise<Output> =>
  runPython([join(EXAMPLES, program), ...args])

/** Runs Python to its end. */
export async function runPython(args: readonly string[]): Promise<Output> {
  try {
    const done = await promisify(execFile)(PYTHON, args, { timeout: 60_000, maxBuffer: 8 << 20 })
    return { code: 0, ...done }
  } catch (error) {
    const { code, stdout, stderr } = error as Output
    if (typeof code !== 'number') throw error
    return { code, stdout, stderr }
  }
}

export type Lines = { child: ChildProcess; lines: string[]; line(text: string | RegExp): Promise<string>; end(): void }

/** Starts one of the examples, or a program given as text, and follows what it prints. */
export function startPython(program: string, args: readonly string[], text?: string): Lines {
  const what = text === undefined ? [join(EXAMPLES, program)] : ['-c', text]
  const child = spawn(PYTHON, ['-u', ...what, ...args], {
    env: { ...process.env, PYTHONPATH: EXAMPLES },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  for (const input of [child.stdout!, child.stderr!]) createInterface({ input }).on('line', (line) => lines.push(line))
  const matches = (line: string, wanted: string | RegExp): boolean =>
    typeof wanted === 'string' ? line.includes(wanted) : wanted.test(line)
  return {
    child,
    lines,
    line: (wanted) =>
      waitFor(
        () => lines.find((line) => matches(line, wanted)),
        () => `${program} to print ${wanted}; it printed\n${lines.join('\n')}`,
      ),
    end: () => child.kill('SIGKILL'),
  }
}

/**
 * A client of the course: it sends nothing twice, and publishes one message after the other until its standard input
 * ends; prints each with what was answered and when.
 */
const PUBLISHER = `
import json, sys, threading, time, msgpack, zmq
socket = zmq.Context().socket(zmq.REQ)
socket.linger = 0
socket.rcvtimeo = 20000
socket.connect(sys.argv[1])
user, channel = sys.argv[2], sys.argv[3]
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
number = clock = 0
while not stop.is_set():
    number += 1
    clock += 1
    text = f"{user} says {number}"
    sent = time.monotonic()
    data = {"user": user, "channel": channel, "message": text, "timestamp": int(time.time()), "clock": clock}
    socket.send(msgpack.packb({"service": "publish", "data": data}))
    reply = msgpack.unpackb(socket.recv())["data"]
    clock = max(clock, reply["clock"])
    print(json.dumps({"text": text, "sent": sent, "answered": time.monotonic(), "reply": reply}), flush=True)
`

export type PythonPublisher = {
  operations(): Operation[]
  more(count: number): Promise<void>
  stop(): Promise<void>
  end(): void
}

/** A plain REQ client in Python that never sends anything twice and ends when a request stays without an answer. */
export function startPythonPublisher(broker: string, user: string, channel: string): PythonPublisher {
  const program = startPython('the publisher', [broker, user, channel], PUBLISHER)
  const closed = once(program.child, 'close')
  return {
    operations: () => program.lines.map((line) => readOperation(line, user)),
    async more(count) {
      const goal = program.lines.length + count
      const isThere = (): boolean => program.lines.length >= goal || program.child.exitCode !== null
      await waitFor(isThere, () => `${goal} answers in Python, has ${program.lines.length}`)
      assert.equal(program.child.exitCode, null, program.lines.slice(-12).join('\n'))
    },
    async stop() {
      program.child.stdin!.end()
      const [code] = await closed
      assert.equal(code, 0, program.lines.slice(-12).join('\n'))
    },
    end: program.end,
  }
}

function readOperation(line: string, user: string): Operation {
  const { text, sent, answered, reply } = JSON.parse(line)
  const result = reply.status === 'OK' ? 'ok' : reply.retriable === true ? 'unknown' : 'refused'
  const error = result === 'ok' ? '' : `${reply.code}: ${reply.description}`
  return { client: user, text, invokedAt: sent * 1000, answeredAt: answered * 1000, result, error }
}
