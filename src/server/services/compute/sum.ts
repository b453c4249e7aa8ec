import { z } from 'zod'
import { refuse } from '../../../protocol/errors.ts'
import { statelessService } from '../../../protocol/service.ts'
import { number } from '../schema.ts'

/** Adds two numbers; `soma` of the predecessors, whose clients read `resultado`. */
export const sum = statelessService({
  name: 'sum',
  summary: 'Adds two numbers.',
  schema: z.object({ a: number('the one number'), b: number('the other') }),
  answer({ a, b }) {
    const result = a + b
    if (!Number.isFinite(result)) return { refusal: refuse('bad_request', 'the sum of a and b is too large') }
    return { data: { status: 'sucesso', result, resultado: result } }
  },
})
