/**
 * One topic that has subscribers on this node: follows the positions of its messages, and fetches those that were lost on their way. Internal to the channel part.
 *
 * 1. The next offset is delivered, a known one is dropped, and a later one is held until the messages before it were fetched.
 * 2. Messages that are kept nowhere any more show as a jump of the offset or as another epoch, which subscribers see as a discontinuity.
 *
 * @since 0.1.0
 */
import type { Subscriber } from "../broadcaster/Contract.ts"
import type { Position } from "../broadcaster/Position.ts"
import type { Retention } from "../broadcaster/Retention.ts"
import type { BrokerMessage, BrokerRange } from "./Broker.ts"
import { open } from "./Envelope.ts"

/** The engine as its topics use it. */
export interface TopicOwner {
  /** Fetches the messages after a position: it ends in `fetched`. */
  readonly fetch: (topic: NodeTopic, after: Position, count: number) => void
  readonly reportDefect: (topic: string, defect: unknown) => void
  readonly counts: Counts
}

/** What a node has counted. */
export interface Counts {
  delivered: number
  /** Messages that came twice, and were dropped. */
  doubled: number
  /** Messages that were lost on their way, and fetched. */
  fetched: number
  /** Gaps that could not be filled. */
  discontinuities: number
}

/** How many messages are held while others are fetched. Beyond it, they are fetched as well. */
const maxHeld = 10_000

/** A topic of a node. */
export class NodeTopic {
  readonly name: string
  readonly subscribers = new Set<Subscriber>()
  /** The newest position that was delivered. */
  known: Position | undefined = undefined
  retention: Retention | undefined
  /** Since when nobody subscribes. */
  idleSinceMillis: number
  private readonly owner: TopicOwner
  private phase: "opening" | "following" | "fetching" = "opening"
  private held: Array<BrokerMessage> = []
  /** The last offset that is being fetched. */
  private wanted = 0

  constructor(name: string, retention: Retention | undefined, owner: TopicOwner, now: number) {
    this.name = name
    this.retention = retention
    this.owner = owner
    this.idleSinceMillis = now
  }

  /** Takes a published message. */
  readonly onMessage = (message: BrokerMessage): void => {
    if (message.position === undefined) return this.deliver(message)
    if (this.phase === "following") return this.follow(message, 0)
    this.held.push(message)
    if (this.held.length > maxHeld) this.held.shift()
  }

  /** Its subscription is active; `top` was read after that. */
  opened(top: Position | undefined): void {
    this.known = top
    this.resume(0)
  }

  /** The broker's newest position, against the one that was known when it was asked. */
  checked(top: Position | undefined, before: Position | undefined): void {
    if (top === undefined || this.phase !== "following") return
    const { known } = this
    if (known === undefined) {
      // The log began after the subscription.
      this.known = { epoch: top.epoch, offset: 0 }
      if (top.offset > 0) this.fetch(top.offset)
    } else if (top.epoch !== known.epoch) {
      // A message of the new epoch may be on its way.
      if (before?.epoch === known.epoch) this.jump(top)
    } else if (top.offset > known.offset) this.fetch(top.offset - known.offset)
  }

  /** The messages that were lost; nothing where they could not be fetched. */
  fetched(range: BrokerRange | undefined): void {
    const before = this.known?.epoch
    if (range !== undefined) {
      const { recoveryId, top } = range
      for (const { body, offset } of range.messages) {
        const position = { epoch: top.epoch, offset }
        if (this.known?.epoch !== top.epoch || offset <= this.known.offset) continue
        this.owner.counts.fetched++
        this.pass({ position, recoveryId, body })
      }
    }
    // Another epoch has none of them, and a broker that did not answer may have all: the check after the reconnect compares.
    this.resume(range !== undefined && range.top.epoch === before ? this.wanted : Infinity)
    // A check in the meantime was skipped.
    if (range !== undefined && range.top.epoch !== before && this.known?.epoch === before) this.jump(range.top)
  }

  private resume(fetchedTo: number): void {
    this.phase = "following"
    const { held } = this
    this.held = []
    for (const [index, message] of held.entries()) {
      this.follow(message, fetchedTo)
      // It fetches: the others wait again.
      if (this.isFetching) {
        this.held.push(...held.slice(index + 1))
        return
      }
    }
  }

  private get isFetching(): boolean {
    return this.phase === "fetching"
  }

  /** Takes the next message. A gap up to `fetchedTo` could not be filled; a later one is fetched. */
  private follow(message: BrokerMessage, fetchedTo: number): void {
    const position = message.position!
    this.known ??= { epoch: position.epoch, offset: 0 }
    const { known } = this
    if (position.epoch !== known.epoch || position.offset === known.offset + 1) return this.pass(message)
    if (position.offset <= known.offset) {
      this.owner.counts.doubled++
      return
    }
    if (known.offset < fetchedTo) return this.pass(message)
    this.held.push(message)
    this.fetch(position.offset - 1 - known.offset)
  }

  private fetch(count: number): void {
    this.phase = "fetching"
    this.wanted = this.known!.offset + count
    this.owner.fetch(this, this.known!, count)
  }

  /** Goes on at a position without messages: subscribers see the discontinuity. */
  private jump(position: Position): void {
    this.owner.counts.discontinuities++
    this.known = position
    this.each((subscriber) => subscriber.passed?.(position))
  }

  private pass(message: BrokerMessage): void {
    const position = message.position!
    const { known } = this
    if (known !== undefined && (known.epoch !== position.epoch || position.offset > known.offset + 1)) {
      this.owner.counts.discontinuities++
    }
    this.known = position
    this.deliver(message)
  }

  private deliver({ body, position, recoveryId }: BrokerMessage): void {
    const opened = open(this.name, body, position, recoveryId)
    if (opened === undefined) {
      this.owner.reportDefect(this.name, new Error("A message of the broker is not one of Fairlead"))
      if (position !== undefined) this.each((subscriber) => subscriber.passed?.(position))
      return
    }
    const { delivery, except } = opened
    this.owner.counts.delivered++
    this.each((subscriber) => {
      if (except === undefined || subscriber.id !== except) subscriber.deliver(delivery)
      else if (position !== undefined) subscriber.passed?.(position)
    })
  }

  private each(use: (subscriber: Subscriber) => void): void {
    for (const subscriber of this.subscribers) {
      try {
        use(subscriber)
      } catch (defect) {
        this.owner.reportDefect(this.name, defect)
      }
    }
  }
}
