/** Deliberate breakages of what is kept on disk and read again; mutants.ts says what a mutant is. */
import type { Mutant } from './mutants.ts'

export const DISK_MUTANTS: readonly Mutant[] = [
  {
    name: 'checkpoint before the files are fsynced',
    file: 'core/checkpoint.js',
    find: "['journal', 'files', 'registry', 'server', 'forget']",
    replace: "['journal', 'registry', 'server', 'forget', 'files']",
    ...{ profile: 'checkpoints', seeds: 5 },
  },
  {
    name: 'old journal forgotten before the checkpoint stands',
    file: 'core/checkpoint.js',
    find: "['journal', 'files', 'registry', 'server', 'forget']",
    replace: "['journal', 'forget', 'files', 'registry', 'server']",
    ...{ profile: 'checkpoints', seeds: 100 },
  },
  {
    name: 'checkpoint carries nothing over',
    file: 'core/checkpoint.js',
    find: 'from <= log.held;',
    replace: 'false;',
    ...{ profile: 'blackouts', seeds: 300 },
  },
  {
    name: 'public lines believed without the journal',
    file: 'core/tails.js',
    find: ' && Buffer.compare(one.bytes, bytes) === 0',
    replace: '',
    ...{ profile: 'damaged disks', seeds: 300 },
  },
  {
    name: 'damage in the journal taken for a torn tail',
    file: 'core/journal.js',
    find: 'if (later !== null)',
    replace: 'if (false)',
    ...{ profile: 'damaged disks', seeds: 20 },
  },
  {
    name: 'lines cut after a kill between two files',
    file: 'core/tails.js',
    find: 'if (isThere || isCopied)',
    replace: 'if ((isThere || isCopied) && sure === places.length - 1)',
    ...{ profile: 'crash points', seeds: 100 },
  },
]
