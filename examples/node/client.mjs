// A client of ten lines, with nothing but ZeroMQ and MessagePack: node client.mjs [tcp://host:5555]
import { pack, Unpackr } from 'msgpackr'
import { Request } from 'zeromq'

// Timestamps in milliseconds take 64 bits, of which msgpackr makes a BigInt unless told otherwise.
const unpackr = new Unpackr({ useRecords: false, int64AsType: 'number' })
const broker = new Request()
broker.connect(process.argv[2] ?? 'tcp://127.0.0.1:5555')

async function call(service, fields = {}) {
  await broker.send(pack({ service, data: { ...fields, timestamp: new Date() } }))
  return unpackr.unpack((await broker.receive())[0]).data
}

console.log(await call('login', { user: 'nina' }))
console.log(await call('channel', { channel: 'baiao' }))
console.log(await call('publish', { user: 'nina', channel: 'baiao', message: 'Good evening' }))
broker.close()
