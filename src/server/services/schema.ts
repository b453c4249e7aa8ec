/** Pieces of request schemas that carry the protocol's own error codes. */
import { z } from 'zod'
import type { Refusal } from '../../protocol/errors.ts'
import { checkName, checkText } from '../../protocol/names.ts'

/** A user's or channel's name in a field. */
export const name = (field: string) => checked((value) => checkName(value, field))

/** A text of at most 64 KiB in a field. */
export const text = (field: string) => checked((value) => checkText(value, field))

/** A string that a check of the protocol accepts; its refusal becomes the issue, code included. */
function checked(check: (value: unknown) => Refusal | null): z.ZodType<string> {
  return z.any().check(({ value, issues }) => {
    const refusal = check(value)
    if (refusal === null) return
    issues.push({ code: 'custom', input: value, message: refusal.description, params: { code: refusal.code } })
  })
}

/** No fields of its own. */
export const nothing = z.object({})
