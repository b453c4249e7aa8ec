/** Deliberate breakages of the clocks and of the election; mutants.ts says what a mutant is. */
import type { Mutant } from './mutants.ts'

const clocks = { profile: 'clocks', seeds: 100 }

export const TIME_MUTANTS: readonly Mutant[] = [
  {
    name: 'time: corrected without half the round trip',
    file: 'core/berkeley.js',
    find: 'offset: reading.raw - (asked + half)',
    replace: 'offset: reading.raw - answered',
    ...clocks,
  },
  {
    name: 'time: drift is no error',
    file: 'core/physical.js',
    find: 'return half + (ppm / 1e6) * (rawAt(clock, mono) - since)',
    replace: 'return half',
    ...clocks,
  },
  {
    name: 'time: outliers are averaged, too',
    file: 'core/berkeley.js',
    find: 'let best = [];',
    replace: 'let best = [...clocks];',
    ...clocks,
  },
  {
    name: 'time: the clock steps',
    file: 'core/physical.js',
    find: 'Math.abs(pending) <= most ? clock.goal',
    replace: 'true ? clock.goal',
    ...clocks,
  },
  {
    name: 'time: a clock that is set steps',
    file: 'core/physical.js',
    find: 'clock.adjust -= jump;',
    replace: '',
    ...clocks,
  },
  {
    name: 'time: a correction for the clock before it was set is taken',
    file: 'core/physical.js',
    find: 'if (epoch !== clock.epoch)',
    replace: 'if (false)',
    ...clocks,
  },
  {
    name: 'time: measurements outlive a jump of the own clock',
    file: 'core/rounds.js',
    find: 'if (clock.epoch !== r.epoch) {',
    replace: 'if (false) {',
    ...clocks,
  },
  {
    name: 'election: a coordinator stays it in the next view',
    file: 'core/timekeeper.js',
    find: 'k.rounds = null;',
    replace: '',
    ...clocks,
  },
  {
    name: 'election: what an older term says is believed',
    file: 'core/timekeeper.js',
    find: 'if (message.view.number < known)',
    replace: 'message = { ...message, view: k.view }; if (false)',
    ...clocks,
  },
  {
    name: 'election: claimed without a majority',
    file: 'core/election.js',
    find: 'if (!isMajority(e, consents.size))',
    replace: 'if (false)',
    ...{ profile: 'clocks', seeds: 300 },
  },
]
