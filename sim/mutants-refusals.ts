/** Breakages of R10: what was refused for good never has its effect, and what was answered OK is not refused. */
import type { Mutant } from './mutants.ts'

const LATE = { profile: 'late copies', seeds: 60 }

export const REFUSAL_MUTANTS: readonly Mutant[] = [
  {
    name: 'R10: told without being recorded',
    file: 'core/refusals.js',
    find: 'if (isRetriable(refusal.code))',
    replace: 'if (true)',
    ...LATE,
  },
  {
    name: 'R10: told before every member holds it',
    file: 'core/refusals.js',
    find: 'if (waiter.seq > held)',
    replace: 'if (false)',
    ...LATE,
  },
  {
    name: 'R10: told before what was made meanwhile is ordered',
    file: 'core/refusals.js',
    find: 'waitForState(r, { refused: waiter })',
    replace: 'answerRefused(r, waiter)',
    ...LATE,
  },
  {
    name: 'R10: told as soon as it is ordered',
    file: 'core/requests.js',
    find: 'isRecorded(outcome) ? undefined : ',
    replace: '',
    ...LATE,
  },
  {
    name: 'R10: made all the same where it is held',
    file: 'core/refusals.js',
    find: 'if (seq !== undefined && seq > log.ordered)',
    replace: 'if (false)',
    ...LATE,
    seeds: 300,
  },
  {
    name: 'R10: made all the same where it is ordered',
    file: 'core/requests.js',
    find: 'codeOf(known) ?? ',
    replace: '',
    ...LATE,
  },
  {
    name: 'R10: an event behind it has no effect',
    file: 'core/ordering.js',
    find: 'known === NO_OUTCOME || (isRecorded(known) && event.log !== REFUSALS)',
    replace: 'known === NO_OUTCOME',
    ...LATE,
  },
  {
    name: 'R10: a restart takes it for an outcome like others',
    file: 'core/remember.js',
    find: 'outcomeOfLine(line)',
    replace: "outcomeOfLine({ ...line, log: '' })",
    ...LATE,
  },
]
