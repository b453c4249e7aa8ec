/** Names and words for the automatic client. */
const FIRST = ['ana', 'bento', 'clara', 'davi', 'elis', 'franco', 'gal', 'heitor', 'iara', 'joana', 'luiz', 'nara']
const CHANNELS = ['choro', 'samba', 'bossa', 'forro', 'frevo', 'maracatu', 'baiao', 'mpb', 'jazz', 'fado']
const OPENINGS = ['Listen to', 'I keep coming back to', 'Does anybody know', 'Nothing beats', 'Tonight:', 'Who plays']
const WORKS = ['Carinhoso', 'Wave', 'Asa Branca', 'Construção', 'Águas de Março', 'Brasileirinho', 'Odeon', 'Retrato']
const CLOSINGS = ['slowly', 'in three four', 'on a seven-string guitar', 'the way it was recorded', 'again', 'by ear']

export type Random = () => number

export const pick = <T>(items: readonly T[], random: Random): T => items[Math.floor(random() * items.length)]!

/** A user's name; different enough among thousands. */
export const randomName = (random: Random): string => `${pick(FIRST, random)}-${suffix(4, random)}`

export const randomChannel = (random: Random): string => `${pick(CHANNELS, random)}-${suffix(2, random)}`

export const randomText = (random: Random): string =>
  `${pick(OPENINGS, random)} ${pick(WORKS, random)}, ${pick(CLOSINGS, random)}`

/** Some of the items, none twice. */
export function sample<T>(items: readonly T[], count: number, random: Random): T[] {
  const rest = [...items]
  const taken: T[] = []
  while (taken.length < count && rest.length > 0) taken.push(...rest.splice(Math.floor(random() * rest.length), 1))
  return taken
}

const suffix = (length: number, random: Random): string =>
  Math.floor(random() * 36 ** length)
    .toString(36)
    .padStart(length, '0')
