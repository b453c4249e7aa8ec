/**
 * `npm run sim:mutants` breaks the core in every way that mutants.ts lists, one at a time in a copy of dist/, and has the
 * simulator find it. `npm run sim:mutants -- TEXT` tries those whose name contains it.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { applyMutant, MUTANTS, type Mutant } from './mutants.ts'

const dist = fileURLToPath(new URL('..', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))
const PARTS = ['src/core', 'src/protocol', 'src/server/services', 'src/broker', 'src/platform', 'sim']

/** Copies everything that the simulator needs, once: a build meanwhile must not mix with it. */
function makeBase(folder: string): void {
  for (const part of PARTS) cpSync(join(dist, part), join(folder, 'dist', part), { recursive: true })
  cpSync(join(root, 'package.json'), join(folder, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
}

/** Makes a copy of the base with one thing changed. */
function makeCopy(base: string, folder: string, mutant: Mutant): void {
  cpSync(base, folder, { recursive: true })
  const path = join(folder, 'dist', 'src', mutant.file)
  writeFileSync(path, applyMutant(readFileSync(path, 'utf8'), mutant))
}

/** @returns the seed that failed and why, or null when none of them did */
async function hunt(folder: string, { profile, seeds }: Mutant): Promise<{ seed: number; why: string } | null> {
  const args = [join(folder, 'dist/sim/main.js'), '--seeds', String(seeds), '--profile', profile, '--first']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk
  })
  await once(child, 'close')
  const match = /^seed (\d+) .*?FAILED: (.*)$/m.exec(output)
  if (match !== null) return { seed: Number(match[1]), why: match[2]!.slice(0, 90) }
  if (child.exitCode !== 0) throw new Error(`the simulator ended with ${child.exitCode}:\n${output.slice(-2000)}`)
  return null
}

async function main(filter: string): Promise<number> {
  const chosen = MUTANTS.filter(({ name }) => name.includes(filter))
  if (chosen.length === 0) throw new Error(`no mutant's name contains ${JSON.stringify(filter)}`)
  const work = mkdtempSync(join(tmpdir(), 'compasso-mutants-'))
  let missed = 0
  try {
    const base = join(work, 'base')
    makeBase(base)
    for (const [index, mutant] of chosen.entries()) {
      const folder = join(work, String(index))
      makeCopy(base, folder, mutant)
      const found = await hunt(folder, mutant)
      rmSync(folder, { recursive: true })
      if (found === null) missed++
      const verdict =
        found === null ? `NOT CAUGHT in ${mutant.seeds} seeds` : `caught by seed ${found.seed}: ${found.why}`
      console.log(`${found === null ? '✖' : '✔'} ${mutant.name} (${mutant.profile}): ${verdict}`)
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
  console.log(`${chosen.length} mutants, ${chosen.length - missed} caught`)
  return missed > 0 ? 1 : 0
}

process.exitCode = await main(process.argv[2] ?? '')
