import { z } from 'zod'
import { LIMITS } from '../../../protocol/limits.ts'
import { statelessService } from '../../../protocol/service.ts'
import { alsoNamed, number, shown } from '../schema.ts'

const values = z
  .array(number('one of them'), { error: ({ input }) => `must be a list of numbers, got ${shown(input)}` })
  .min(1, 'must have at least one number')
  .max(LIMITS.meanValues, `must have at most ${LIMITS.meanValues} numbers`)
  .describe('the numbers')

/** The arithmetic mean; `media` of the predecessors, with `valores` and `resultado`. */
export const mean = statelessService({
  name: 'mean',
  summary: 'The arithmetic mean of numbers.',
  schema: alsoNamed(z.object({ values }), { valores: 'values' }),
  answer({ values }) {
    const result = meanOf(values)
    return { data: { status: 'sucesso', result, resultado: result, count: values.length } }
  },
})

function meanOf(values: readonly number[]): number {
  const sum = values.reduce((all, one) => all + one, 0)
  // A mean is never too large, but a sum may be.
  if (Number.isFinite(sum)) return sum / values.length
  return values.reduce((all, one) => all + one / values.length, 0)
}
