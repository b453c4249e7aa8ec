/** `compasso call`: any service of the cluster, by its name and its fields in order. */
import { type Command, InvalidArgumentError } from 'commander'
import type { Data } from '../client/client.ts'
import { escapeControls } from '../platform/pretty.ts'
import { isMap } from '../protocol/envelope.ts'
import { checkRequest } from '../protocol/service.ts'
import { EXIT, Failure } from './failure.ts'
import { inOrder, type KnownService, knownService, readWords, serviceNames, usageOf } from './fields.ts'
import { secondsBetween } from './numbers.ts'
import { printJson, printTable } from './output.ts'
import { printReply } from './reply.ts'
import { withClient } from './session.ts'

const DAY_SECONDS = 86_400

type Options = { data?: Data; id?: string; deadline?: number; json?: true }

const HELP = `
Values are given in the order of the service's fields, or as field=value (also when a text has a "=" in it). A list takes
all values that are left, or one text with commas. Without a service: lists the services and their fields.
The same --id again has no second effect and gives the same answer.

Examples:
  npx compasso call
  npx compasso call sum 10 5
  npx compasso call mean 3 4 8
  npx compasso call search name=joão
  npx compasso call publish user=ana channel=choro message='1 + 1 = 2' --id first
  npx compasso call history --data '{"channel": "choro", "limit": 2}' --json
`

export function addCall(program: Command): void {
  program
    .command('call')
    .description('Call a service: call sum 10 5.')
    .argument('[service]', "the service's name")
    .argument('[values...]', 'its fields in order, or field=value')
    .option('--data <json>', 'fields as a JSON object; values given beside it win', readData)
    .option('--id <id>', 'idempotency key (default: a new one)')
    .option('--deadline <seconds>', 'how long to try (default: 15)', secondsBetween(0.001, DAY_SECONDS))
    .option('--json', 'for programs: the whole data of the reply')
    .addHelpText('after', HELP)
    .action(async (service: string | undefined, words: string[], options: Options) => {
      if (service === undefined) return listServices(options.json === true)
      const reply = await call(service, words, options)
      if (options.json === true) printJson(reply)
      else printReply(reply)
    })
}

async function call(name: string, words: readonly string[], { data = {}, id, deadline }: Options): Promise<Data> {
  const service = knownService(name)
  const all = { ...data, ...readWords(service, words) }
  if (service !== null) check(service, all)
  return withClient((client) =>
    client.call(name, all, {
      ...(id !== undefined && { id }),
      ...(deadline !== undefined && { deadlineMs: deadline * 1000 }),
    }),
  )
}

/** Before anything is sent, by the rules of the servers. */
function check(service: KnownService, data: Data): void {
  const result = checkRequest(service.schema, data)
  if (!('refusal' in result)) return
  const { code, description } = result.refusal
  throw new Failure(
    `${code}: ${description} — usage: npx compasso call ${service.name} ${usageOf(service)}`,
    EXIT.usage,
  )
}

function listServices(json: boolean): void {
  const services = serviceNames().map((name) => knownService(name)!)
  if (json)
    printJson(
      services.map(({ name, summary, fields }) => ({
        service: name,
        summary,
        fields: inOrder(fields).map(({ name, required, types, description }) => ({
          name,
          required,
          types: [...types],
          description,
        })),
      })),
    )
  else
    printTable(
      ['service', 'fields', 'what it does'],
      services.map((service) => [service.name, usageOf(service), service.summary]),
    )
}

function readData(text: string): Data {
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch (error) {
    throw new InvalidArgumentError(`it must be JSON: ${escapeControls((error as Error).message)}.`)
  }
  if (!isMap(data)) throw new InvalidArgumentError('it must be a JSON object, as {"a": 1}.')
  return data
}
