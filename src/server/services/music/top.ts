import { z } from 'zod'
import { readService } from '../../../protocol/service.ts'
import { optional } from '../schema.ts'
import { describeTrack } from './catalogue.ts'
import type { MusicState } from './state.ts'

/** The most played tracks; of those played as often, the one whose id comes first. */
export const top = readService({
  name: 'top',
  summary: 'The most played tracks.',
  schema: z.object({ limit: optional(1, 100, 'most tracks; 10 when missing') }),
  read({ limit }, { plays }: MusicState) {
    const most = [...plays].sort(([a, timesA], [b, timesB]) => timesB - timesA || (a < b ? -1 : 1))
    return { data: { tracks: most.slice(0, limit ?? 10).map(([id, plays]) => ({ ...describeTrack(id), plays })) } }
  },
})
