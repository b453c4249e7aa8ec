/** A process that subscribes to a channel and tells who started it the text of each message, without its padding. */
import { connect } from '../../../src/client/client.ts'

const [proxy, channel] = process.argv.slice(2) as [string, string]
process.on('disconnect', () => process.exit(0))
const client = connect({ broker: 'tcp://127.0.0.1:9', proxy })
const subscription = client.subscribe(channel)
await subscription.ready
process.send!('ready')
for await (const { message } of subscription) process.send!(String(message).trimEnd().replace(/x+$/, '').trimEnd())
