/** JSON files that notice when a byte of them has changed: the CRC-32 of all that comes before is their last member. */
import { crc32 } from 'node:zlib'

const CHECKED = /^([\s\S]*),\n {2}"crc": (\d{1,10})\n}\n$/

/** The text of a JSON object that is not empty. */
export function showChecked(value: object): string {
  const text = JSON.stringify(value, null, 2).slice(0, -2)
  return `${text},\n  "crc": ${crc32(text)}\n}\n`
}

/**
 * Reads what `showChecked` made.
 * @throws with what is wrong
 */
export function readChecked(text: string): unknown {
  const match = CHECKED.exec(text)
  if (match === null) throw new Error('it does not end with its checksum')
  if (String(crc32(match[1]!)) !== match[2]) throw new Error('its checksum is another one')
  return JSON.parse(`${match[1]}}`)
}
