/**
 * What a process did to its files, in order, as Debian's strace saw it: every write with its bytes, every fsync, every
 * new name. From that disk-model.ts makes what a power cut could have left at any moment.
 */
import { readFileSync } from 'node:fs'

/** Lines of the trace count as time: a call takes effect between the line where it starts and the one where it ends. */
export type FileEvent = { started: number; ended: number; atMs: number } & (
  | { kind: 'open'; descriptor: string; path: string; create: boolean; truncate: boolean; append: boolean }
  | { kind: 'write'; descriptor: string; path: string; bytes: Buffer; at: number | null }
  | { kind: 'size'; path: string; length: number }
  | { kind: 'sync'; path: string }
  | { kind: 'rename'; path: string; to: string }
  | { kind: 'unlink'; path: string }
)
type Action = FileEvent extends infer E ? (E extends FileEvent ? Omit<E, 'started' | 'ended' | 'atMs'> : never) : never

const CALLS = 'openat,write,pwrite64,writev,pwritev,pwritev2,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat'
/** Most bytes of a write that are recorded: no group and no file of a test is larger, only zeros are. */
const WRITE_BYTES = 70_000

/** The command to put in front of a process; it appends to a file, so that a process may be started several times. */
export const traceCommand = (output: string): string[] => [
  ...['strace', '-D', '-f', '--seccomp-bpf', '-y', '-ttt', '-xx', '-s', String(WRITE_BYTES), '-A', '-o', output],
  ...['-e', 'signal=none', '-e', `trace=${CALLS},ftruncate,truncate`],
]

/**
 * Reads what one process or several, each with a trace of its own, did below a folder.
 * @throws when there is a call that this does not know, or a write whose bytes were not recorded
 */
export function readTraces(paths: readonly string[], folder: string): FileEvent[] {
  const lines = paths.flatMap((path, trace) =>
    readFileSync(path, 'latin1')
      .split('\n')
      .map((line) => /^(\d+) +(\d+\.\d+) (.*)$/.exec(line))
      .filter((match) => match !== null)
      .map(([, thread, at, call]) => ({ trace, thread: `${trace} ${thread}`, atMs: Number(at) * 1000, call: call! })),
  )
  lines.sort((a, b) => a.atMs - b.atMs)
  const events: FileEvent[] = []
  const unfinished = new Map<string, { head: string; started: number; atMs: number }>()
  for (const [index, { trace, thread, atMs, call }] of lines.entries()) {
    if (call.endsWith(' <unfinished ...>')) {
      unfinished.set(thread, { head: call.slice(0, -' <unfinished ...>'.length), started: index, atMs })
      continue
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(call)
    const begun = resumed === null ? { head: '', started: index, atMs } : unfinished.get(thread)
    if (begun === undefined) continue
    const action = readCall(begun.head + (resumed?.[1] ?? call), folder, trace)
    if (action !== null && !LOCK.test(action.path))
      events.push({ ...action, started: begun.started, ended: index, atMs: begun.atMs } as FileEvent)
  }
  return events
}

/** Sockets, which mean nothing after a power cut. */
const LOCK = /\/\.?lock-[^/]*$/
const HEX = '((?:\\\\x[0-9a-f]{2})*)'
const unhex = (text: string): Buffer => Buffer.from(text.replaceAll('\\x', ''), 'hex')
const OPEN = new RegExp(`^openat\\(AT_FDCWD(?:<[^>]*>)?, "${HEX}", ([A-Z_|]+).*\\) += (\\d+)<`)
const WRITE = new RegExp(`^(write|pwrite64)\\((\\d+)<${HEX}>, "${HEX}"(\\.\\.\\.)?, \\d+(?:, (\\d+))?\\) += (\\d+)`)
const SYNC = new RegExp(`^(?:fsync|fdatasync)\\(\\d+<${HEX}>\\) += 0`)
const SIZE = new RegExp(`^(?:ftruncate\\(\\d+<${HEX}>|truncate\\("${HEX}"), (\\d+)\\) += 0`)
const RENAME = new RegExp(`^rename\\("${HEX}", "${HEX}"\\) += 0`)
const UNLINK = new RegExp(`^unlink\\("${HEX}"\\) += 0`)
const FAILED = /\) += -1 /

/** A call that succeeded, if it is about the folder. */
function readCall(call: string, folder: string, trace: number): Action | null {
  const paths = [...call.matchAll(new RegExp(`[<"]${HEX}[>"]`, 'g'))].map((match) => unhex(match[1]!).toString())
  if (FAILED.test(call) || !paths.some((path) => path === folder || path.startsWith(`${folder}/`))) return null
  let match = OPEN.exec(call)
  if (match !== null) {
    const has = (flag: string): boolean => match![2]!.split('|').includes(flag)
    const flags = { create: has('O_CREAT'), truncate: has('O_TRUNC'), append: has('O_APPEND') }
    return { kind: 'open', descriptor: `${trace} ${match[3]}`, path: unhex(match[1]!).toString(), ...flags }
  }
  match = WRITE.exec(call)
  if (match !== null) return readWrite(match, trace)
  match = SYNC.exec(call)
  if (match !== null) return { kind: 'sync', path: unhex(match[1]!).toString() }
  match = SIZE.exec(call)
  if (match !== null) return { kind: 'size', path: unhex(match[1] ?? match[2]!).toString(), length: Number(match[3]) }
  match = RENAME.exec(call)
  if (match !== null) return { kind: 'rename', path: unhex(match[1]!).toString(), to: unhex(match[2]!).toString() }
  match = UNLINK.exec(call)
  if (match !== null) return { kind: 'unlink', path: unhex(match[1]!).toString() }
  throw new Error(`a call that is not understood: ${call.slice(0, 300)}`)
}

function readWrite(match: RegExpExecArray, trace: number): Action {
  const [, name, descriptor, path, data, cut, at, written] = match
  const recorded = unhex(data!)
  const length = Number(written)
  if (cut !== undefined && recorded.some((byte) => byte !== 0))
    throw new Error(`a write of ${length} bytes to ${unhex(path!)} was recorded only in part`)
  const bytes = cut === undefined ? recorded.subarray(0, length) : Buffer.alloc(length)
  const offset = name === 'write' ? null : Number(at)
  return { kind: 'write', descriptor: `${trace} ${descriptor}`, path: unhex(path!).toString(), bytes, at: offset }
}
