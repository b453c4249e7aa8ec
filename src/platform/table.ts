/** Columns of text, each as wide as its widest cell; numbers to the right. */
export function table(rows: readonly (readonly (string | number)[])[]): string[] {
  const widths: number[] = []
  for (const row of rows)
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, show(cell).length)
    })
  return rows.map((row) =>
    row
      .map((cell, column) =>
        typeof cell === 'number' ? show(cell).padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  )
}

const show = (cell: string | number): string => (typeof cell === 'number' ? cell.toLocaleString('en') : cell)
