/** What came as MessagePack as JSON. */

/** Bytes, which JSON does not know, become text in base64; numbers that are none become null, as JSON has it. */
export function toJson(value: unknown): string {
  return JSON.stringify(hasBytes(value) ? withoutBytes(value) : value)
}

function hasBytes(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (ArrayBuffer.isView(value)) return true
  if (Array.isArray(value)) return value.some(hasBytes)
  for (const key in value) if (hasBytes((value as Record<string, unknown>)[key])) return true
  return false
}

function withoutBytes(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  if (Array.isArray(value)) return value.map(withoutBytes)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutBytes(inner)]))
}
