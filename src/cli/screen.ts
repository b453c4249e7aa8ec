/**
 * A whole terminal for what is drawn again and again. However the program ends, the terminal is as it was before, with the
 * last picture below what was there.
 */

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l'
const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'

export type Screen = { readonly columns: number; readonly rows: number; draw(lines: readonly string[]): void }

export function openScreen(out: NodeJS.WriteStream): Screen {
  let last: readonly string[] = []
  out.write(ENTER)
  // Writes to a terminal are done when they return, also now.
  process.on('exit', () => out.write(`${LEAVE}${last.map((line) => `${line}\n`).join('')}`))
  return {
    get columns() {
      return out.columns
    },
    get rows() {
      return out.rows
    },
    draw(lines) {
      last = lines
      const fitting = lines.slice(0, Math.max(1, out.rows - 1))
      out.write(`${HOME}${fitting.map((line) => `${line}${CLEAR_LINE}\n`).join('')}${CLEAR_BELOW}`)
    },
  }
}
