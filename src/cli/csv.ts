/** CSV as RFC 4180 has it: a quote is doubled, what has a comma, quote or line end is quoted, lines end with CRLF. */

/** One row; a value that is no text or number is written as JSON. */
export const csvRow = (values: readonly unknown[]): string => `${values.map(cell).join(',')}\r\n`

function cell(value: unknown): string {
  if (value === undefined || value === null) return ''
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
