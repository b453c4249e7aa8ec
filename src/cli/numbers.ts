/** The seconds between two looks, as `--watch` takes them. */
import { InvalidArgumentError } from 'commander'

export function readSeconds(text: string): number {
  const seconds = Number(text)
  if (text.trim() === '' || !(seconds >= 0.1 && seconds <= 3600))
    throw new InvalidArgumentError('it must be a number of seconds from 0.1 to 3600.')
  return seconds
}
