/** `compasso logs …`: what the cluster has written. */
import type { Command } from 'commander'
import { addLogsExport } from './logs-export.ts'

export function addLogs(program: Command): void {
  const logs = program.command('logs').description('Work with what the cluster has written.')
  addLogsExport(logs)
}
