/** The catalogue: tracks and artists that do not exist. Ids are used in files and playlists, so they only ever get more. */
import { wordsOf } from '../words.ts'

export type Track = { id: string; title: string; artist: string; genre: Genre; year: number; seconds: number }

export const GENRES = [
  'baião',
  'bossa',
  'choro',
  'coladeira',
  'fado',
  'forró',
  'frevo',
  'jazz',
  'maracatu',
  'morna',
  'rock',
  'samba',
] as const
export type Genre = (typeof GENRES)[number]

type Row = [title: string, artist: string, year: number, seconds: number]

const ROWS: Readonly<Record<Genre, readonly Row[]>> = {
  baião: [
    ['Poeira do Sertão', 'Zé do Cariri', 1951, 168],
    ['Carta pra Exu', 'Zé do Cariri', 1956, 181],
    ['Lamparina Acesa', 'Mestre Aboio', 1963, 195],
    ['Chuva de Março', 'Rosa Mandacaru', 1978, 204],
    ['O Vaqueiro e a Lua', 'Rosa Mandacaru', 1981, 232],
    ['Umbuzeiro', 'Trio Pé de Serra Velha', 1994, 177],
  ],
  bossa: [
    ['Barco sem Pressa', 'Dora Ipanema', 1960, 142],
    ['Meia-Luz', 'Dora Ipanema', 1961, 158],
    ['Janela pro Arpoador', 'Trio Maré Baixa', 1962, 171],
    ['Quase um Beijo', 'Nelson Amaral', 1964, 149],
    ['Sombra de Amendoeira', 'Nelson Amaral', 1967, 163],
    ['O Vento Sabe', 'Trio Maré Baixa', 1969, 187],
  ],
  choro: [
    ['Espevitado', 'Regional do Catete', 1928, 154],
    ['Flauta na Varanda', 'Altair Bandolim', 1935, 172],
    ['Pisando em Ovos', 'Altair Bandolim', 1939, 139],
    ['Lágrima de Ébano', 'Regional do Catete', 1946, 210],
    ['Relógio Parado', 'As Cordas do Méier', 1999, 196],
    ['Conversa de Botequim Vazio', 'As Cordas do Méier', 2004, 183],
  ],
  coladeira: [
    ['Saia di Vent', 'Nhô Balta', 1968, 189],
    ['Festa na Ribeira', 'Nhô Balta', 1972, 201],
    ['Pexe Fresku', 'Conjunto Monte Cara', 1977, 176],
    ['Bia Dança', 'Conjunto Monte Cara', 1980, 193],
    ['Grogue Dôce', 'Titina Évora', 1991, 215],
    ['Sete Ilhéus', 'Titina Évora', 1996, 224],
  ],
  fado: [
    ['Rua da Saudade, 12', 'Amélia Roque', 1949, 186],
    ['O Xaile da Minha Avó', 'Amélia Roque', 1953, 198],
    ['Madrugada em Alfama', 'Artur Cordoaria', 1958, 217],
    ['Gaivota de Papel', 'Artur Cordoaria', 1966, 205],
    ['Sete Colinas', 'Inácia Mouraria', 2001, 231],
    ['Candeeiro Apagado', 'Inácia Mouraria', 2009, 244],
  ],
  forró: [
    ['Fole Rasgado', 'Januário das Oito', 1974, 166],
    ['Poeira no Salão', 'Januário das Oito', 1977, 174],
    ['Fogueira de São Nunca', 'Banda Xique-Xique', 1985, 190],
    ['Amor de Feira', 'Banda Xique-Xique', 1988, 183],
    ['Rabo de Saia Rodada', 'Marinês do Agreste', 1993, 179],
    ['Milho Verde', 'Marinês do Agreste', 1997, 208],
  ],
  frevo: [
    ['Sombrinha Azul', 'Orquestra Ladeira Abaixo', 1957, 133],
    ['Ferve, Recife', 'Orquestra Ladeira Abaixo', 1959, 141],
    ['Quarta-Feira Nunca', 'Bloco das Vassouras', 1965, 156],
    ['Passo de Tesoura', 'Bloco das Vassouras', 1971, 128],
    ['Olinda às Três', 'Maestro Caiçara', 1983, 147],
    ['Saideira', 'Maestro Caiçara', 1990, 162],
  ],
  jazz: [
    ['Late Ferry', 'The Harbour Quintet', 1958, 312],
    ['Blue Tram', 'The Harbour Quintet', 1960, 287],
    ['Nine Lives of a Waltz', 'Odile Marchetti', 1964, 341],
    ['Paper Umbrella', 'Odile Marchetti', 1967, 265],
    ['Tuesday, Unhurried', 'Lowell Price Trio', 1988, 378],
    ['Sixth Floor Walk-Up', 'Lowell Price Trio', 1992, 254],
  ],
  maracatu: [
    ['Coroa de Espelhos', 'Nação Baobá', 1989, 276],
    ['Rei do Engenho', 'Nação Baobá', 1993, 298],
    ['Gonguê', 'Estrela Quebrada', 1995, 221],
    ['Lama e Satélite', 'Estrela Quebrada', 1998, 253],
    ['Baque Virado da Noite', 'Mestra Joventina', 2006, 310],
    ['A Calunga Falou', 'Mestra Joventina', 2011, 287],
  ],
  morna: [
    ['Mar Longe', 'Bana di Soncente', 1962, 248],
    ['Carta di Terra', 'Bana di Soncente', 1965, 233],
    ['Ora di Bai Outra Vez', 'Cesária Fonseca', 1975, 261],
    ['Lua Nha Testemunha', 'Cesária Fonseca', 1988, 254],
    ['Porto sem Navio', 'Ildo Salgado', 1999, 239],
    ['Nha Rua', 'Ildo Salgado', 2003, 227],
  ],
  rock: [
    ['Asfalto Molhado', 'Os Cometas do Tietê', 1968, 184],
    ['Televisão Muda', 'Os Cometas do Tietê', 1970, 207],
    ['Plutão Não É Mais', 'Capim Elétrico', 1986, 233],
    ['Segunda-Feira 6h40', 'Capim Elétrico', 1989, 198],
    ['Static Bloom', 'Glass Orchard', 1994, 271],
    ['Northbound, Eventually', 'Glass Orchard', 1997, 302],
  ],
  samba: [
    ['Último Bonde da Penha', 'Clementino da Vila', 1938, 161],
    ['Cuíca Rouca', 'Clementino da Vila', 1942, 155],
    ['Lua de Papel', 'Dona Iara do Salgueiro', 1959, 178],
    ['Fantasia Alugada', 'Dona Iara do Salgueiro', 1966, 192],
    ['Deixa a Roda Girar', 'Fundo do Terreiro', 1984, 213],
    ['Feijão no Fogo', 'Fundo do Terreiro', 1987, 186],
  ],
}

/** A track's id: its title in plain letters. */
const idOf = (title: string): string => wordsOf(title).join('-')

export const CATALOGUE: readonly Track[] = GENRES.flatMap((genre) =>
  ROWS[genre].map(([title, artist, year, seconds]) => ({ id: idOf(title), title, artist, genre, year, seconds })),
)

export const TRACKS: ReadonlyMap<string, Track> = new Map(CATALOGUE.map((track) => [track.id, track]))

/** A track by its id; of one that a later version took out, only that. */
export const describeTrack = (id: string): { id: string } & Partial<Track> => TRACKS.get(id) ?? { id }
