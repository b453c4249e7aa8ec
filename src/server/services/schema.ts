/** Pieces of request schemas: in the words of this protocol when something is wrong, and with what people need to know. */
import { z } from 'zod'
import { type Data, isMap } from '../../protocol/envelope.ts'
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
export function checked(check: (value: unknown) => Refusal | null) {
  return z.string({ error: ({ input }) => check(input)?.description ?? null }).check(({ value, issues }) => {
    const refusal = check(value)
    if (refusal !== null) issues.push(issueOf(value, refusal.code, refusal.description))
  })
}

/** An issue that carries one of the protocol's codes. */
const issueOf = (input: unknown, code: ErrorCode, message: string) =>
  ({ code: 'custom', input, message, params: { code } }) as const

const DECIMAL = /^\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?\s*$/i

/** A finite number; older clients send decimal text. */
export const number = (description: string) =>
  z
    .union([z.number(), z.string()], { error: ({ input }) => notNumber(input) })
    .transform((value, { issues }) => {
      const read = typeof value === 'number' || DECIMAL.test(value) ? Number(value) : Number.NaN
      if (!Number.isFinite(read)) issues.push({ code: 'custom', input: value, message: notNumber(value) })
      return read
    })
    .describe(description)

const notNumber = (value: unknown): string => `must be a number, got ${shown(value)}`
/** What was sent, for the end of a message. */
export const shown = (value: unknown): string => (value === undefined ? 'nothing' : quote(value))

/** A whole number in a range. */
export const whole = (least: number, most: number, description: string) =>
  z
    .number({ error: ({ input }) => `must be a whole number, got ${shown(input)}` })
    .int('must be a whole number')
    .min(least, `must be at least ${least}`)
    .max(most, `must be at most ${most}`)
    .describe(description)

/** A text of at most so many characters, or nothing. */
export const optionalText = (most: number, description: string) =>
  z
    .string({ error: ({ input }) => `must be text, got ${shown(input)}` })
    .max(most, `must have at most ${most} characters`)
    .refine(isWellFormed, 'is not well-formed Unicode')
    .nullish()
    .describe(description)

const isWellFormed = (value: string): boolean => value.isWellFormed()

/** One of a few texts, or nothing. */
export const oneOf = <const Texts extends readonly string[]>(texts: Texts, description: string) =>
  z
    .enum(texts, { error: `must be one of ${texts.join(', ')}` })
    .nullish()
    .describe(description)

/** No fields of its own. */
export const nothing = z.object({})

/** The same when it may be missing. */
export const optional = (least: number, most: number, description: string) =>
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
 * A map whose fields have other names too: what clients in the wild send. What is wrong is said of the name that was sent.
 * @param others other name → the field's own name, which wins when both are there
 */
export function alsoNamed<Shape extends z.ZodRawShape, const Names extends Record<string, keyof Shape & string>>(
  fields: z.ZodObject<Shape>,
  others: Names,
) {
  type Input = z.input<typeof fields>
  const names: [other: string, own: string][] = Object.entries(others)
  const schema = z.unknown().transform((data, { issues }) => {
    const map = data as Data
    const sent = isMap(data) ? names.filter(([other, own]) => map[own] == null && map[other] != null) : []
    const result = fields.safeParse({ ...map, ...Object.fromEntries(sent.map(([other, own]) => [own, map[other]])) })
    if (result.success) return result.data
    for (const issue of result.error.issues) issues.push(asSent(issue, sent))
    return z.NEVER
  })
  return schema.meta(describeNames(fields, names)) as unknown as z.ZodType<
    z.output<typeof fields>,
    Input | Renamed<Input, Names>
  >
}

/** An issue with the name of the field as it was sent. */
function asSent(issue: z.core.$ZodIssue, sent: readonly [other: string, own: string][]) {
  const { path, message } = issue
  const other = sent.find(([, own]) => own === path[0])?.[0]
  const changed =
    other === undefined
      ? { path, message }
      : { path: [other, ...path.slice(1)], message: message.replace(String(path[0]), other) }
  return { ...issue, ...changed, input: issue.input } as z.core.$ZodRawIssue
}

/** The JSON schema of the fields under all their names; the others are marked, so that nobody new is told to use them. */
function describeNames(fields: z.ZodObject, names: readonly [other: string, own: string][]) {
  const { $schema: _, ...json } = z.toJSONSchema(fields, { io: 'input' })
  const more = names.map(([other, own]) => [
    other,
    { ...Object(json.properties?.[own]), description: `the same as ${own}`, deprecated: true },
  ])
  return { ...json, properties: { ...json.properties, ...Object.fromEntries(more) } }
}
