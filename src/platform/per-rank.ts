/** Settings that may differ from server to server: `+300` for every one, or `1:+300,2:-200` by rank. */
import { z } from 'zod'

/** A number for every server, or for single ones by their rank. */
export type PerRank = { every: number; byRank: ReadonlyMap<number, number> }

/** What of it is for a rank. */
export const forRank = ({ every, byRank }: PerRank, rank: number): number => byRank.get(rank) ?? every

const SIGNED = '[+-]?\\d{1,8}(?:\\.\\d{1,6})?'
const EVERY_FORM = new RegExp(`^${SIGNED}$`)
const BY_RANK_FORM = new RegExp(`^[1-9]\\d{0,3}:${SIGNED}(?:,[1-9]\\d{0,3}:${SIGNED})*$`)
/** A setting of that kind, 0 when it is not given. @param most of either sign */
export const perRank = (unit: string, most: number) => {
  const takes = `${unit} from -${most} to ${most}, or some for single ranks like 1:+300,2:-200`
  return z
    .string()
    .transform((text) => text.replaceAll(' ', ''))
    .refine((text) => EVERY_FORM.test(text) || BY_RANK_FORM.test(text), { error: takes, abort: true })
    .refine(hasNoRankTwice, 'one number a rank')
    .transform(readPerRank)
    .refine(({ every, byRank }) => [every, ...byRank.values()].every((one) => Math.abs(one) <= most), takes)
    .default({ every: 0, byRank: new Map() })
}

function hasNoRankTwice(text: string): boolean {
  const ranks = text.match(/\d+(?=:)/g) ?? []
  return new Set(ranks).size === ranks.length
}

function readPerRank(text: string): PerRank {
  if (EVERY_FORM.test(text)) return { every: Number(text), byRank: new Map() }
  const pairs = text.split(',').map((one) => one.split(':').map(Number) as [number, number])
  return { every: 0, byRank: new Map(pairs) }
}
