/** The version of this package. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** package.json is beside src/, or dist/ when compiled. */
export function version(): string {
  const root = import.meta.url.endsWith('.ts') ? '../..' : '../../..'
  return JSON.parse(readFileSync(join(import.meta.dirname, root, 'package.json'), 'utf8')).version
}
