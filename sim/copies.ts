/** Requests that went to several servers: how often that happened, and how it ended. */
import { DUPLICATE, type ParsedLine, REFUSALS } from '../src/core/lines.ts'
import { countFault, type World } from './world.ts'

/** Counts what became of the copies of requests, as the order shows it. */
export function countCopies(world: World, lines: ReadonlyMap<number, ParsedLine>): void {
  const refused = new Set<string>()
  for (const [, line] of [...lines].sort(([a], [b]) => a - b)) {
    if (line.skipped === DUPLICATE)
      countFault(world, refused.has(line.id) ? 'copy of a refused request' : 'copy of a request')
    else if (line.log === REFUSALS) refused.add(line.id)
    else if (refused.has(line.id)) countFault(world, 'event made before its refusal was heard of')
  }
}
