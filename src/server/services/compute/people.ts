/** The people that `search` knows. They are made up. */
export type Person = { name: string; age: number; city: string; instrument: string }

type Row = [name: string, age: number, city: string, instrument: string]

const ROWS: readonly Row[] = [
  ['Ana Conceição', 34, 'Salvador', 'violão'],
  ['André Guimarães', 41, 'Recife', 'sanfona'],
  ['Antônio Araújo', 67, 'Caruaru', 'zabumba'],
  ['Beatriz Magalhães', 29, 'Porto Alegre', 'flauta'],
  ['Célia Brandão', 52, 'Ouro Preto', 'piano'],
  ['Cauã Tavares', 23, 'Belém', 'guitarra'],
  ['Débora Falcão', 38, 'Fortaleza', 'voz'],
  ['Estêvão Leitão', 45, 'Coimbra', 'guitarra portuguesa'],
  ['Fátima Galvão', 58, 'Lisboa', 'voz'],
  ['Gonçalo Simões', 31, 'Porto', 'contrabaixo'],
  ['Inês Assunção', 27, 'Braga', 'violino'],
  ['Ítalo Durão', 36, 'São Paulo', 'bateria'],
  ['João Carvalho', 49, 'Rio de Janeiro', 'pandeiro'],
  ['José Damião', 72, 'São Luís', 'cavaquinho'],
  ['Júlia Paixão', 25, 'Florianópolis', 'clarinete'],
  ['Luís Sebastião', 61, 'Mindelo', 'cavaquinho'],
  ['Mônica Galeão', 44, 'Brasília', 'saxofone'],
  ['Núbia Lourenço', 33, 'Maceió', 'triângulo'],
  ['Óscar Beltrão', 56, 'Luanda', 'quissange'],
  ['Patrícia Romão', 39, 'Maputo', 'timbila'],
  ['Quitéria Aragão', 47, 'João Pessoa', 'rabeca'],
  ['Tomás Falcão', 30, 'Évora', 'adufe'],
  ['Vitória Zagalo', 22, 'Goiânia', 'viola caipira'],
  ['Zélia Norões', 64, 'Juazeiro', 'pífano'],
]

export const PEOPLE: readonly Person[] = ROWS.map(([name, age, city, instrument]) => ({ name, age, city, instrument }))
