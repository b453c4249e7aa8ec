/** `compasso doctor`: what is wrong with a set-up, and what to do about it. */
import type { Command } from 'commander'
import { isColorSupported } from 'pino-pretty'
import { escapeControls } from '../platform/pretty.ts'
import { checkCluster, probeAll } from './doctor-cluster.ts'
import { type Finding, type State, wrong } from './doctor-finding.ts'
import { checkConfig, checkData, checkNode, checkPorts } from './doctor-machine.ts'
import { EXIT } from './failure.ts'
import { print, printJson } from './output.ts'

const HELP = `
Looks at Node, the variables, the data directory (rights, space), whether broker, proxy, ref and gateway are there, whether
the ports are free where nothing runs and who has them if not, at every server, its version and its clock.
Exit code 1 when something is wrong; a warning is not.

Examples:
  npx compasso doctor
  PORT_OFFSET=100 npx compasso doctor --json
`

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('What is wrong with my set-up? Checks ports, versions, reachability, disk and clock.')
    .option('--json', 'for programs: {"ok": …, "findings": […]}')
    .addHelpText('after', HELP)
    .action(async ({ json }: { json?: true }) => {
      const findings = await examine()
      const ok = findings.every(({ state }) => state !== 'wrong')
      if (json === true) printJson({ ok, findings })
      else show(findings)
      process.exitCode = ok ? EXIT.ok : EXIT.failed
    })
}

async function examine(): Promise<Finding[]> {
  const { config, findings } = checkConfig()
  const first = [checkNode(), ...findings]
  if (config === null) return first
  const { present, findings: reachability } = await probeAll(config)
  first.push(...(await checkData(config, present)), ...reachability)
  // A check that fails in a way nobody thought of is a finding too.
  const attempt = async (check: string, run: () => Promise<Finding[]>): Promise<Finding[]> => {
    try {
      return await run()
    } catch (error) {
      return [wrong(check, (error as Error).message, 'npx compasso status')]
    }
  }
  first.push(...(await attempt('ports', () => checkPorts(config, present))))
  first.push(...(await attempt('cluster', () => checkCluster(config, present))))
  return first
}

const MARKS: Readonly<Record<State, string>> = { ok: '✓', warning: '!', wrong: '✗' }
const COLOURS: Readonly<Record<State, number>> = { ok: 32, warning: 33, wrong: 31 }

function show(findings: readonly Finding[]): void {
  const width = Math.max(...findings.map(({ check }) => check.length))
  for (const { check, state, found, next } of findings) {
    const mark = isColorSupported ? `\u001b[${COLOURS[state]}m${MARKS[state]}\u001b[39m` : MARKS[state]
    print(`${mark} ${check.padEnd(width)}  ${escapeControls(found)}`)
    if (next !== '') print(`  ${' '.repeat(width)}  → ${escapeControls(next)}`)
  }
  const count = (wanted: State): number => findings.filter(({ state }) => state === wanted).length
  const [faults, warnings] = [count('wrong'), count('warning')]
  if (faults === 0 && warnings === 0) print('all is well')
  else print(`${faults} wrong, ${warnings} to look at`)
}
