/** The network: what the weather does to messages, and links that are cut for a while. */
import { countFault, type Link, note, type World } from './world.ts'

/** `topic` PUB to SUB, `direct` between servers and to ref, `request` from clients through the broker and back. */
export type Channel = 'topic' | 'direct' | 'request'

/** Carries a message, if the weather lets it. Requests and replies are not doubled: that is what clients' retries do. */
export function carry(world: World, from: string, to: string, channel: Channel, deliver: () => void): void {
  const { random, weather } = world
  const link = linkOf(world, from, to)
  const clock = world.trace.sent(from)
  const arriveAfter = (delay: number): void => {
    const number = ++link.sent
    if (channel === 'request') world.underway++
    world.schedule.after(delay, () => {
      if (channel === 'request') world.underway--
      if (number < link.arrived) countFault(world, 'message overtaken')
      else link.arrived = number
      world.trace.received(to, clock)
      deliver()
    })
  }
  if (!world.raging) return arriveAfter(random.between(1, 3))
  if (world.cuts.has(link.name)) return countFault(world, 'message cut off')
  if (random.chance(channel === 'topic' ? weather.topicLoss : weather.directLoss))
    return countFault(world, 'message lost')
  arriveAfter(delay(world, link))
  if (channel === 'request' || !random.chance(weather.doubled)) return
  countFault(world, 'message doubled')
  arriveAfter(delay(world, link))
}

function linkOf({ links }: World, from: string, to: string): Link {
  let ofSender = links.get(from)
  if (ofSender === undefined) {
    ofSender = new Map()
    links.set(from, ofSender)
  }
  let link = ofSender.get(to)
  if (link === undefined) {
    link = { name: `${from}>${to}`, sent: 0, arrived: 0 }
    ofSender.set(to, link)
  }
  return link
}

/** Some links are slower than others, in one direction only; now and then a message is very late. */
function delay(world: World, { name }: Link): number {
  const { random, weather } = world
  const late = weather.lateness > 0 && random.chance(weather.lateness)
  if (late) countFault(world, 'message late')
  const slow = weather.slowLinks.has(name)
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
  world.timesCut++
  for (const link of links) world.cuts.add(link)
  countFault(world, both ? kind : `${kind}, one way`)
  note(world, a, `cut off: ${links.join(' ')}`)
  world.schedule.after(world.random.between(100, most), () => {
    for (const link of links) world.cuts.delete(link)
  })
}
