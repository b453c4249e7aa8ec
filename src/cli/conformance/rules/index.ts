/** All rules, in the order in which they are tried: the course's first, what may harm a broker last. */
import type { Level, Rule } from '../rule.ts'
import { ENVELOPE_RULES, SERVICE_RULES } from './course.ts'
import { ERROR_RULES } from './errors.ts'
import { LENIENT_RULES } from './lenient.ts'
import { LIMIT_RULES } from './limits.ts'
import { PUBLICATION_RULES } from './publications.ts'
import { REQUEST_RULES } from './requests.ts'
import { MORE_SERVICE_RULES } from './services.ts'

const ALL: readonly Rule[] = [
  ...ENVELOPE_RULES,
  ...SERVICE_RULES,
  ...PUBLICATION_RULES.filter(({ level }) => level === 'course'),
  ...MORE_SERVICE_RULES,
  ...REQUEST_RULES,
  ...PUBLICATION_RULES.filter(({ level }) => level === 'full'),
  ...LENIENT_RULES,
  ...ERROR_RULES,
  ...LIMIT_RULES,
]

export const rulesOf = (level: Level): readonly Rule[] => ALL.filter((rule) => level === 'full' || rule.level === level)
