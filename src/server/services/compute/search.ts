import { z } from 'zod'
import { quote, refuse } from '../../../protocol/errors.ts'
import { statelessService } from '../../../protocol/service.ts'
import { alsoNamed, name } from '../schema.ts'
import { wordsOf } from '../words.ts'
import { PEOPLE, type Person } from './people.ts'

const TABLE = PEOPLE.map((person) => ({ person, words: wordsOf(person.name) }))

/** Looks somebody up by name or part of it; `busca` of the predecessors, with `nome` and Portuguese fields. */
export const search = statelessService({
  name: 'search',
  summary: 'Looks up a person by name or a part of it, whatever the case and accents.',
  schema: alsoNamed(z.object({ name: name('name', 'one or more words of the name') }), { nome: 'name' }),
  answer({ name }) {
    const wanted = wordsOf(name)
    const found = TABLE.find(({ words }) => wanted.length > 0 && wanted.every((word) => words.includes(word)))
    if (found === undefined) return { refusal: refuse('not_found', `there is nobody called ${quote(name)}`) }
    return { data: { status: 'sucesso', ...found.person, ...inPortuguese(found.person) } }
  },
})

const inPortuguese = ({ name, age, city, instrument }: Person) => ({
  nome: name,
  idade: age,
  cidade: city,
  instrumento: instrument,
})
