/** `compasso logs …`: what the cluster has written. */
import type { Command } from 'commander'
import { addLogsExport } from './logs-export.ts'

const HELP = `
Examples:
  npx compasso logs export everything.csv
`

export function addLogs(program: Command): void {
  const logs = program.command('logs').description('Work with what the cluster has written.').addHelpText('after', HELP)
  addLogsExport(logs)
}
