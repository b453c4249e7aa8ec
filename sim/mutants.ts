/**
 * Deliberate breakages of the core: each a rule taken away or bent, small and named. A simulator that does not notice one
 * would not notice the mistake that is like it. `find` stands once in the compiled file.
 */
import { DISK_MUTANTS } from './mutants-disk.ts'
import { REFUSAL_MUTANTS } from './mutants-refusals.ts'
import { TIME_MUTANTS } from './mutants-time.ts'

export type Mutant = {
  name: string
  /** Below dist/src. */
  file: string
  find: string
  replace: string
  /** The weather that brings it out. */
  profile: string
  /** It must be caught within so many seeds. */
  seeds: number
}

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'R1: ordered before all have promised',
    file: 'core/ordering.js',
    find: 'event.clock > bound || ',
    replace: '',
    ...{ profile: 'calm', seeds: 20 },
  },
  {
    name: 'R2: ordered before a quorum holds it',
    file: 'core/ordering.js',
    find: 'log.stable < seq || ',
    replace: '',
    ...{ profile: 'blackouts', seeds: 300 },
  },
  {
    name: 'ordered before it is durable here',
    file: 'core/ordering.js',
    find: ' || log.committed < seq)',
    replace: ')',
    ...{ profile: 'crash points', seeds: 300 },
  },
  {
    name: 'ack before fsync',
    file: 'core/acks.js',
    find: 'have[origin] = committed',
    replace: 'have[origin] = all',
    ...{ profile: 'blackouts', seeds: 300 },
  },
  {
    name: 'answered before a quorum holds it',
    file: 'core/requests.js',
    find: 'Math.min(r.own.stable, r.own.committed)',
    replace: 'r.own.committed',
    ...{ profile: 'partitions', seeds: 100 },
  },
  {
    name: 'ack without view',
    file: 'core/acks.js',
    find: 'if (sameView(ack.view, r.known)) {',
    replace: 'if (true) {',
    ...{ profile: 'flapping', seeds: 300 },
  },
  {
    name: 'promise taken before its events are here',
    file: 'core/acks.js',
    find: 'if ((log?.held ?? 0) < peer.pending.made)',
    replace: 'if (false)',
    ...{ profile: 'lossy', seeds: 50 },
  },
  {
    name: 'have for made',
    file: 'core/acks.js',
    find: 'const made = r.own?.held ?? 0',
    replace: 'const made = r.own?.committed ?? 0',
    ...{ profile: 'storm', seeds: 100 },
  },
  {
    name: 'R4: no freeze: acknowledges origins outside the view',
    file: 'core/repair.js',
    find: 'if (r.known.members.some((member) => member.origin === message.origin))',
    replace: 'if (true)',
    ...{ profile: 'ref cut', seeds: 300 },
  },
  {
    name: 'R6: seal from the lower view',
    file: 'core/decision.js',
    find: 'installed.view.number > highest.view.number',
    replace: 'installed.view.number < highest.view.number',
    ...{ profile: 'ref cut', seeds: 300 },
  },
  {
    name: 'R6: seals are not inherited',
    file: 'core/decision.js',
    find: 'const seals = { ...highest?.seals };',
    replace: 'const seals = {};',
    ...{ profile: 'churn', seeds: 300 },
  },
  {
    name: 'R6: decided by one flush instead of all',
    file: 'core/decision.js',
    find: 'const have = largestHave(flushes);',
    replace: 'const have = largestHave(flushes.slice(0, 1));',
    ...{ profile: 'crashes', seeds: 100 },
  },
  {
    name: 'repair from a single lagging peer',
    file: 'core/decision.js',
    find: 'flushes.filter((flush) => flush.position === target).map((flush) => flush.instance)',
    replace: '[flushes.reduce((a, b) => (a.position <= b.position ? a : b)).instance]',
    ...{ profile: 'churn', seeds: 40 },
  },
  {
    name: 'R7 fetch skipped',
    file: 'core/change.js',
    find: "if (change.phase === 'fetch' && r.checkpoint === null && hasAll(r)) {",
    replace: "if (change.phase === 'fetch' && r.checkpoint === null) {",
    ...{ profile: 'gaps', seeds: 40 },
  },
  {
    name: 'installed before the record is durable',
    file: 'core/change.js',
    find: "if (change.phase === 'record' && r.committed >= change.token)",
    replace: "if (change.phase === 'record')",
    ...{ profile: 'blackouts', seeds: 300 },
  },
  {
    name: 'quorum one less',
    file: 'core/ordering.js',
    find: 'held[quorum - 1]',
    replace: 'held[quorum - 2]',
    ...{ profile: 'partitions', seeds: 100 },
  },
  {
    name: 'half is a quorum',
    file: 'core/views.js',
    find: 'Math.floor(total / 2) + 1',
    replace: 'Math.max(1, Math.floor(total / 2))',
    ...{ profile: 'partitions', seeds: 300 },
  },
  {
    name: 'R3: an empty disk counts',
    file: 'core/ref_state.js',
    find: 'fresh || recorded < (state.installed.get(rank) ?? 0)',
    replace: 'false',
    ...{ profile: 'lost disks', seeds: 300 },
  },
  {
    name: 'R3: a disk that was set back counts',
    file: 'core/ref_state.js',
    find: 'fresh || recorded < (state.installed.get(rank) ?? 0)',
    replace: 'fresh',
    ...{ profile: 'old backups', seeds: 300 },
  },
  {
    name: 'R3: join before the newest view is installed',
    file: 'core/views.js',
    find: 'if (!isInstalledByAll(state))',
    replace: 'if (false)',
    ...{ profile: 'rescaling', seeds: 40 },
  },
  {
    name: 'two that do not hear each other both stay',
    file: 'core/detector.js',
    find: 'now - since >= LASTING_MS',
    replace: 'false',
    ...{ profile: 'splits', seeds: 40 },
  },
  {
    name: 'who waits for each other to install a view makes no room',
    file: 'core/views.js',
    find: 'return !isInstalledByAll(state) && countsFor',
    replace: 'return false && countsFor',
    ...{ profile: 'splits and kills', seeds: 20 },
  },
  {
    name: 'incarnation kept over a restart',
    file: 'core/views.js',
    find: 'origin: makeOrigin(server.heard.report.rank, number)',
    replace: 'origin: makeOrigin(server.heard.report.rank, 1)',
    ...{ profile: 'crashes', seeds: 50 },
  },
  {
    name: 'dedupe window per server',
    file: 'core/ordering.js',
    find: 'const known = findId(r.window, event.id);',
    replace: 'findId(r.window, event.id); const known = NO_OUTCOME;',
    ...{ profile: 'storm', seeds: 20 },
  },
  {
    name: 'R9: the window is empty after a restart',
    file: 'core/remember.js',
    find: 'if (!(n > oldest) || n > position)',
    replace: 'if (true)',
    ...{ profile: 'crashes', seeds: 100 },
  },
  {
    name: 'reads without a barrier',
    file: 'core/reads.js',
    find: 'if (item.c <= level)',
    replace: 'if (true)',
    ...{ profile: 'slow links', seeds: 50 },
  },
  {
    name: 'no bound on what lags',
    file: 'core/requests.js',
    find: 'if (r.own.bytes > 2 * r.options.lagBytes)',
    replace: 'if (false)',
    ...{ profile: 'laggards', seeds: 60 },
  },
  ...REFUSAL_MUTANTS,
  ...DISK_MUTANTS,
  ...TIME_MUTANTS,
]

/** @param source the compiled file that it aims at. @throws unless its text stands there exactly once */
export function applyMutant(source: string, { name, file, find, replace }: Mutant): string {
  const times = source.split(find).length - 1
  if (times !== 1) throw new Error(`mutant "${name}": its text stands ${times} times in ${file}, it must stand once`)
  return source.replace(find, () => replace)
}
