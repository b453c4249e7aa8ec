/** Pieces of request schemas: in the words of this protocol when something is wrong, and with what people need to know. */
import { z } from 'zod'
import { isMap } from '../../protocol/envelope.ts'
import { type ErrorCode, quote, type Refusal } from '../../protocol/errors.ts'
import { LIMITS } from '../../protocol/limits.ts'
import { checkName, checkText } from '../../protocol/names.ts'
import type { Query } from '../../protocol/service.ts'

/** A user's, channel's or playlist's name in a field. @param description what it names, for people */
export const name = (field: string, description: string) =>
  checked((value) => checkName(value, field)).meta({ description, minLength: 1, maxLength: LIMITS.nameLength })

/** A text of at most 64 KiB in a field. */
export const text = (field: string, description: string) =>
  checked((value) => checkText(value, field)).meta({ description, maxLength: LIMITS.messageBytes })

/** A text that a check of the protocol accepts; its refusal becomes the issue, code included. */
function checked(check: (value: unknown) => Refusal | null) {
  return z.string({ error: ({ input }) => check(input)?.description ?? null }).check(({ value, issues }) => {
    const refusal = check(value)
    if (refusal !== null) issues.push(issueOf(value, refusal.code, refusal.description))
  })
}

/** An issue that carries one of the protocol's codes. */
export const issueOf = (input: unknown, code: ErrorCode, message: string) =>
  ({ code: 'custom', input, message, params: { code } }) as const

const DECIMAL = /^\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?\s*$/i

/** A finite number; older clients send decimal text. */
export const number = (description: string) =>
  z
    .union([z.number(), z.string().regex(DECIMAL)], { error: ({ input }) => `must be a number, got ${shown(input)}` })
    .transform(Number)
    .refine(Number.isFinite, 'must be a finite number')
    .describe(description)

const shown = (value: unknown): string => (value === undefined ? 'nothing' : quote(value))

/** A whole number in a range. */
export const whole = (least: number, most: number, description: string) =>
  z
    .number({ error: ({ input }) => `must be a whole number, got ${shown(input)}` })
    .int('must be a whole number')
    .min(least, `must be at least ${least}`)
    .max(most, `must be at most ${most}`)
    .describe(description)

/** No fields of its own. */
export const nothing = z.object({})

const optional = (least: number, most: number, description: string) =>
  whole(least, most, description).nullish().describe(description)
const position = (description: string) => optional(0, Number.MAX_SAFE_INTEGER, description)

/** The fields of a request for a page of a public file. */
export const page = {
  limit: optional(1, LIMITS.historyItems, 'most items in the page; 50 when missing'),
  before: position('only what is before this position: the newest of that'),
  after: position('only what is after this position: the oldest of that'),
}

type PageRequest = { [Field in keyof typeof page]?: number | null | undefined }

/** A page as a query has it. */
export const pageOf = ({ limit, before, after }: PageRequest): Pick<Query, 'limit' | 'before' | 'after'> => ({
  limit: limit ?? 50,
  before: before ?? null,
  after: after ?? null,
})

type Renamed<Input, Names extends Record<string, string>> = Omit<Input, Names[keyof Names]> & {
  [Other in keyof Names]: Input[Names[Other] & keyof Input]
}

/**
 * A map whose fields have other names too: what clients in the wild send.
 * @param others other name → the field's own name, which wins when both are there
 */
export function alsoNamed<Shape extends z.ZodRawShape, const Names extends Record<string, keyof Shape & string>>(
  fields: z.ZodObject<Shape>,
  others: Names,
) {
  type Input = z.input<typeof fields>
  const names = Object.entries(others)
  const schema = z.preprocess((data) => {
    if (!isMap(data)) return data
    const named = { ...data }
    for (const [other, own] of names) named[own] ??= data[other]
    return named
  }, fields)
  return schema as unknown as z.ZodType<z.output<typeof fields>, Input | Renamed<Input, Names>>
}
