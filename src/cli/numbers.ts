/** Numbers as options take them, each within a range that an error names. */
import { InvalidArgumentError } from 'commander'

type Read = (text: string) => number

/** @returns reads a number of seconds, fractions included */
export const secondsBetween =
  (least: number, most: number): Read =>
  (text) => {
    const seconds = Number(text)
    if (text.trim() !== '' && seconds >= least && seconds <= most) return seconds
    throw new InvalidArgumentError(`it must be a number of seconds from ${least} to ${most}.`)
  }

/** @returns reads a whole number, 0 or more */
export const wholeBetween =
  (least: number, most: number): Read =>
  (text) => {
    const number = Number(text)
    if (/^\d{1,15}$/.test(text) && number >= least && number <= most) return number
    throw new InvalidArgumentError(`it must be a whole number from ${least} to ${most}.`)
  }

/** Between two looks of `--watch`. */
export const readInterval = secondsBetween(0.1, 3600)
