/** The network: what the weather does to messages, and links that are cut for a while. */
import { countFault, note, type World } from './world.ts'

/** `topic` PUB to SUB, `direct` between servers and to ref, `request` from clients through the broker and back. */
export type Channel = 'topic' | 'direct' | 'request'

/** Carries a message, if the weather lets it. Requests and replies are not doubled: that is what clients' retries do. */
export function carry(world: World, from: string, to: string, channel: Channel, deliver: () => void): void {
  const { random, weather } = world
  const clock = world.trace.sent(from)
  if (!world.raging) return arrive(world, from, to, clock, random.between(1, 3), channel, deliver)
  if (world.cuts.has(`${from}>${to}`)) return countFault(world, 'message cut off')
  if (random.chance(channel === 'topic' ? weather.topicLoss : weather.directLoss))
    return countFault(world, 'message lost')
  arrive(world, from, to, clock, delay(world, from, to), channel, deliver)
  if (channel === 'request' || !random.chance(weather.doubled)) return
  countFault(world, 'message doubled')
  arrive(world, from, to, clock, delay(world, from, to), channel, deliver)
}

function arrive(
  world: World,
  from: string,
  to: string,
  clock: ReturnType<World['trace']['sent']>,
  after: number,
  channel: Channel,
  deliver: () => void,
): void {
  const key = `${from}>${to}`
  let link = world.links.get(key)
  if (link === undefined) {
    link = { sent: 0, arrived: 0 }
    world.links.set(key, link)
  }
  const number = ++link.sent
  if (channel === 'request') world.underway++
  world.schedule.after(after, () => {
    if (channel === 'request') world.underway--
    if (number < link.arrived) countFault(world, 'message overtaken')
    else link.arrived = number
    world.trace.received(to, clock)
    deliver()
  })
}

/** Some links are slower than others, in one direction only; now and then a message is very late. */
function delay(world: World, from: string, to: string): number {
  const { random, weather } = world
  const late = weather.lateness > 0 && random.chance(weather.lateness)
  if (late) countFault(world, 'message late')
  const slow = weather.slowLinks.has(`${from}>${to}`)
  if (slow) countFault(world, 'slow link')
  return random.between(1, weather.delay) * (late ? 10 : 1) * (slow ? 8 : 1)
}

/** Cuts links from `a` to others, and back if `both`, and mends them after a while. @param most longest time, ms */
export function cutLinks(
  world: World,
  a: string,
  others: readonly string[],
  both: boolean,
  kind: string,
  most = world.weather.repair,
): void {
  const links = others.flatMap((b) =>
    both ? [`${a}>${b}`, `${b}>${a}`] : [world.random.chance(0.5) ? `${a}>${b}` : `${b}>${a}`],
  )
  for (const link of links) world.cuts.add(link)
  countFault(world, both ? kind : `${kind}, one way`)
  note(world, a, `cut off: ${links.join(' ')}`)
  world.schedule.after(world.random.between(100, most), () => {
    for (const link of links) world.cuts.delete(link)
  })
}
