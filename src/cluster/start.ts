/** The command that runs a cluster: its options, and how it ends. */
import type { Command } from 'commander'
import { type Config, ConfigError, type Environment, loadConfig, readEnvironment } from '../platform/config.ts'
import { StartError } from '../platform/role.ts'
import { runCluster } from './launcher.ts'

type Options = { servers?: string; bots?: string }

const HELP = `
The same, and more, by environment variables or in .env (.env.example lists all):
  REPLICAS=5 BOTS=0 npm start       five servers, no bots
  DATA_DIR=/tmp/try npm start       another data directory (./data)
  PORT_OFFSET=100 npm start         every port 100 higher: a second cluster beside the first
  LOG_FORMAT=json npm start         logs for programs

Examples:
  npm start
  npm start -- --servers 5 --bots 3
`

/** Makes a command run the cluster. */
export function addStart(command: Command): Command {
  return command
    .description('Run a whole cluster on this machine until Ctrl-C: ref, broker, proxy, servers and bots.')
    .option('--servers <number>', 'servers, 1 to 99 (REPLICAS; 3)')
    .option('--bots <number>', 'bots that chat, 0 to 99 (BOTS; 2)')
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      const failure = await start(options)
      if (failure !== null) process.stderr.write(`compasso: ${failure}\n`)
      process.exit(failure === null ? 0 : 1)
    })
}

async function start(options: Options): Promise<string | null> {
  try {
    const env: Environment = { ...readEnvironment() }
    env.LOG_FORMAT ||= 'pretty'
    return await runCluster(readOptions(options, env), env)
  } catch (error) {
    if (error instanceof ConfigError || error instanceof StartError) return error.message
    throw error
  }
}

/** Options win over variables, and are checked by the same rules under their own names. */
function readOptions({ servers, bots }: Options, env: Environment): Config {
  if (servers !== undefined) env.REPLICAS = servers || 'nothing'
  if (bots !== undefined) env.BOTS = bots || 'nothing'
  try {
    return loadConfig(env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    let line = error.message
    if (servers !== undefined) line = line.replace(/^REPLICAS /, '--servers ')
    if (bots !== undefined) line = line.replace(/^BOTS /, '--bots ')
    throw new ConfigError(line)
  }
}
