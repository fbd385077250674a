/**
 * A broker in memory for several nodes, with faults: what it publishes may be lost, delayed or doubled on its way to a node, connections are cut, and it may forget what it had
 * acknowledged. It keeps the contract of a broker otherwise.
 */
import { Effect } from "effect"
import type { Broadcaster, ChannelApi } from "fairlead/channel"

import type { Broker, BrokerMessage, BrokerRange, BrokerStatus } from "../../../src/channel/nodes/Broker.ts"
import type {
  HeldEntry,
  HeldSnapshot,
  PresenceBroker,
  PresenceMessage
} from "../../../src/channel/nodes/PresenceBroker.ts"
import { noFaults } from "./MemoryState.ts"
import type { Faults, Log, Planted, Present } from "./MemoryState.ts"

type Position = Broadcaster.Position
type Retention = ChannelApi.Retention

/** The broker. */
export class MemoryServer {
  readonly links: Array<MemoryLink> = []
  /** Everything that was published to logs, in order. */
  readonly published: Array<{ readonly topic: string; readonly position: Position; readonly body: string }> = []
  /** The position of each change of presence, in order. */
  readonly presencePositions: Array<string> = []
  readonly logs = new Map<string, Log>()
  readonly present = new Map<string, Present>()
  /** When each lease ends. */
  readonly leases = new Map<string, number>()
  faults: Faults = noFaults
  /** Loses the messages that it is true for. */
  drops: (body: string) => boolean = () => false
  planted: Planted | undefined = undefined
  now = 0
  /** Which run of the server it is. */
  run = 1
  private epochs = 0

  epoch(): string {
    return `e${++this.epochs}`
  }

  link(): MemoryLink {
    const link = new MemoryLink(this)
    this.links.push(link)
    return link
  }

  /** Forgets everything, as a server without persistence that restarts. Its nodes have to be connected again. */
  restart(): void {
    this.run++
    for (const link of this.links) link.cut()
    this.logs.clear()
    this.present.clear()
    this.leases.clear()
  }

  /** Forgets the newest messages of each log, as a fail-over to a replica that lags behind. */
  failOver(count: number): void {
    this.run++
    for (const link of this.links) link.cut()
    for (const log of this.logs.values()) {
      const lost = Math.min(count, log.kept.length)
      log.kept.splice(log.kept.length - lost)
      log.offset -= lost
    }
    for (const present of this.present.values()) {
      const lost = present.before.splice(Math.max(present.before.length - count, 0))
      present.entries = new Map(lost[0] ?? present.entries)
      present.offset -= lost.length
    }
    // The newest lease may be lost as well.
    const newest = [...this.leases.keys()].at(-1)
    if (newest !== undefined && this.chance(2)) this.leases.delete(newest)
  }

  chance(oneOf: number): boolean {
    return oneOf > 0 && this.faults.random(oneOf) === 0
  }

  /** Whether it breaks its contract now, in one of four cases. */
  breaks(planted: Planted): boolean {
    return this.planted === planted && this.chance(4)
  }

  isAlive(incarnation: string): boolean {
    return (this.leases.get(incarnation) ?? -1) > this.now
  }

  /** The present members of a topic. Another run begins a new epoch. */
  presentIn(topic: string): Present {
    let found = this.present.get(topic)
    if (found === undefined) {
      found = { epoch: this.epoch(), run: this.run, offset: 0, entries: new Map(), before: [] }
      this.present.set(topic, found)
    }
    if (found.run === this.run || this.planted === "uses offsets of presence twice after a fail-over") return found
    return Object.assign(found, { epoch: this.epoch(), run: this.run, offset: 0 })
  }

  spread(deliver: (link: MemoryLink) => void): void {
    for (const link of this.links) {
      if (!link.isUp || this.chance(this.faults.loses)) continue
      deliver(link)
      if (this.chance(this.faults.doubles)) deliver(link)
    }
  }
}

/** The connection of one node. */
export class MemoryLink implements Broker, PresenceBroker {
  isUp = true
  /** Whether messages wait until `pump`. */
  isSlow = false
  readonly leaseMillis = 10_000
  private readonly server: MemoryServer
  /** The run of the server when it was connected. */
  private run: number
  private readonly listeners = new Map<string, Set<(message: BrokerMessage) => void>>()
  private readonly presenceListeners = new Map<string, Set<(message: PresenceMessage) => void>>()
  private readonly statusListeners: Array<(status: BrokerStatus) => void> = []
  private waiting: Array<() => void> = []

  constructor(server: MemoryServer) {
    this.server = server
    this.run = server.run
  }

  /** How many subscriptions it holds. */
  get size(): number {
    const sizes = [...this.listeners.values(), ...this.presenceListeners.values()].map(({ size }) => size)
    return sizes.reduce((sum, size) => sum + size, 0)
  }

  cut(): void {
    if (!this.isUp) return
    this.isUp = false
    this.waiting = []
    this.change({ _tag: "Down", description: "cut" })
  }

  mend(): void {
    if (this.isUp) return
    this.isUp = true
    const isSameRun = this.run === this.server.run
    this.run = this.server.run
    this.change({ _tag: "Up", isSameRun })
  }

  /** Delivers what waits, in order. */
  pump(count = Infinity): void {
    for (let left = count; left > 0 && this.waiting.length > 0; left--) this.waiting.shift()!()
  }

  listen(listener: (status: BrokerStatus) => void): void {
    this.statusListeners.push(listener)
  }

  publish(topic: string, body: string, retention: Retention | undefined, known: Position | undefined) {
    return this.operation(() => {
      const { server } = this
      const log = this.logOf(topic, retention, known)
      if (log === undefined) {
        this.send(topic, { position: undefined, recoveryId: false, body })
        return undefined
      }
      if (server.breaks("acknowledges without publishing")) {
        return { epoch: log.epoch, offset: log.offset + 1 }
      }
      const position = { epoch: log.epoch, offset: ++log.offset }
      if (server.breaks("loses a published message")) log.offset--
      else log.kept.push({ offset: position.offset, body, atMillis: server.now })
      log.kept.splice(0, log.kept.length - log.retention.maxMessages)
      server.published.push({ topic, position, body })
      const wrong = server.breaks("delivers other messages") ? log.kept.at(-2)?.body : undefined
      this.send(topic, { position, recoveryId: log.retention.recoveryId, body: wrong ?? body })
      return position
    })
  }

  top(topic: string, retention: Retention | undefined, known: Position | undefined) {
    return this.operation((): Position | undefined => {
      const log = this.logOf(topic, retention, known)
      return log === undefined ? undefined : { epoch: log.epoch, offset: log.offset }
    })
  }

  range(topic: string, after: Position | undefined, limit: number) {
    return this.operation((): BrokerRange | undefined => {
      const log = this.server.logs.get(topic)
      if (log === undefined) return undefined
      const { mode, recoveryId, timeToLiveMillis } = log.retention
      const isAfter = after?.epoch === log.epoch
      const messages =
        mode === "cache"
          ? log.kept.slice(-1)
          : log.kept.filter(({ offset }) => isAfter && offset > after.offset).slice(0, limit)
      const top = { epoch: log.epoch, offset: log.offset }
      const { server } = this
      if (server.breaks("replays other messages")) {
        const bodies = messages.map(({ body }) => body).toReversed()
        for (const [index, message] of messages.entries()) messages[index] = { ...message, body: bodies[index]! }
      }
      return { top, mode, recoveryId, timeToLiveMillis, nowMillis: this.server.now, messages }
    })
  }

  subscribe(topic: string, onMessage: ((message: BrokerMessage) => void) | ((message: PresenceMessage) => void)) {
    return this.operation(() => this.add(topic, onMessage as (message: BrokerMessage) => void))
  }

  unsubscribe(topic: string, onMessage: ((message: BrokerMessage) => void) | ((message: PresenceMessage) => void)) {
    return Effect.sync(() => {
      this.listeners.get(topic)?.delete(onMessage as (message: BrokerMessage) => void)
      this.presenceListeners.get(topic)?.delete(onMessage as (message: PresenceMessage) => void)
    })
  }

  /** The same connection as a broker of presence, whose subscriptions are its own. */
  get presence(): PresenceBroker {
    return {
      groupOf: () => this.groupOf(),
      lease: (incarnation) => this.lease(incarnation),
      renew: (incarnation) => this.renew(incarnation),
      release: (incarnation) => this.release(incarnation),
      expired: (incarnations) => this.expired(incarnations),
      put: (topic, entry) => this.put(topic, entry),
      remove: (topic, ids) => this.remove(topic, ids),
      list: (topic) => this.list(topic),
      position: (topic) => this.position(topic),
      subscribe: (topic, onMessage) =>
        this.operation(() => {
          const present = this.presenceListeners.get(topic) ?? new Set()
          this.presenceListeners.set(topic, present.add(onMessage))
        }),
      unsubscribe: (topic, onMessage) => this.unsubscribe(topic, onMessage)
    }
  }

  groupOf() {
    return ""
  }

  lease(incarnation: string) {
    return this.operation(() => void this.server.leases.set(incarnation, this.server.now + this.leaseMillis))
  }

  renew(incarnation: string) {
    return this.operation(() => {
      const isAlive = this.server.isAlive(incarnation)
      if (isAlive) this.server.leases.set(incarnation, this.server.now + this.leaseMillis)
      return isAlive
    })
  }

  release(incarnation: string) {
    return this.operation(() => void this.server.leases.delete(incarnation))
  }

  expired(incarnations: ReadonlyArray<string>) {
    return this.operation(() => incarnations.filter((incarnation) => !this.server.isAlive(incarnation)))
  }

  put(topic: string, entry: HeldEntry) {
    return this.operation(() => {
      const { server } = this
      if (!server.isAlive(entry.incarnation)) return false
      if (server.breaks("forgets what it put")) return true
      const present = this.changing(topic)
      present.entries.set(entry.id, entry)
      this.tell(topic, { _tag: "Put", position: { epoch: present.epoch, offset: ++present.offset }, entry })
      return true
    })
  }

  remove(topic: string, ids: ReadonlyArray<string>) {
    return this.operation(() => this.removed(topic, ids))
  }

  list(topic: string) {
    return this.operation((): HeldSnapshot => {
      const present = this.server.presentIn(topic)
      const keeps = this.server.planted === "keeps the entries of expired leases"
      const all = keeps ? [] : [...present.entries.values()]
      const gone = all.filter(({ incarnation }) => !this.server.isAlive(incarnation))
      this.removed(
        topic,
        gone.map(({ id }) => id)
      )
      const entries = [...present.entries.values()]
      if (this.server.breaks("lists without the first")) entries.shift()
      return { position: { epoch: present.epoch, offset: present.offset }, entries }
    })
  }

  position(topic: string) {
    return this.operation((): Position | undefined => {
      const present = this.server.present.get(topic)
      return present === undefined ? undefined : { epoch: present.epoch, offset: present.offset }
    })
  }

  private removed(topic: string, ids: ReadonlyArray<string>): void {
    if (!ids.some((id) => this.server.presentIn(topic).entries.has(id))) return
    const present = this.changing(topic)
    const gone = ids.filter((id) => present.entries.delete(id))
    if (this.server.planted === "removes without a change") return
    this.tell(topic, { _tag: "Remove", position: { epoch: present.epoch, offset: ++present.offset }, ids: gone })
  }

  private changing(topic: string): Present {
    const present = this.server.presentIn(topic)
    present.before.push(new Map(present.entries))
    if (present.before.length > 10) present.before.shift()
    return present
  }

  private add(topic: string, onMessage: (message: BrokerMessage) => void): void {
    this.listeners.set(topic, (this.listeners.get(topic) ?? new Set()).add(onMessage))
  }

  private logOf(topic: string, retention: Retention | undefined, known: Position | undefined): Log | undefined {
    const { logs, run } = this.server
    const present = logs.get(topic)
    const keeps = this.server.planted === "uses offsets twice after a fail-over"
    if (present !== undefined && (present.run === run || keeps)) {
      if (retention !== undefined) present.retention = retention
      return present
    }
    const kept = retention ?? present?.retention
    if (kept === undefined) return undefined
    const replaces = present !== undefined || known !== undefined
    const log: Log = { epoch: this.server.epoch(), run, offset: replaces ? 1 : 0, retention: kept, kept: [] }
    logs.set(topic, log)
    return log
  }

  private operation<A>(act: () => A): Effect.Effect<A, unknown> {
    return Effect.andThen(
      Effect.yieldNow,
      Effect.suspend(() => {
        if (!this.isUp) return Effect.fail("the connection is cut")
        const result = act()
        return this.server.chance(this.server.faults.fails)
          ? Effect.fail("no answer in time")
          : Effect.as(Effect.yieldNow, result)
      })
    )
  }

  private send(topic: string, message: BrokerMessage): void {
    if (this.server.drops(message.body)) return
    this.server.spread((link) => link.take(() => each(link.listeners.get(topic), message)))
  }

  private tell(topic: string, message: PresenceMessage): void {
    const { epoch, offset } = message.position
    this.server.presencePositions.push(`${topic} ${epoch}:${offset}`)
    this.server.spread((link) => link.take(() => each(link.presenceListeners.get(topic), message)))
  }

  private take(deliver: () => void): void {
    if (this.isSlow) this.waiting.push(deliver)
    else {
      this.pump()
      deliver()
    }
  }

  private change(status: BrokerStatus): void {
    for (const listener of this.statusListeners) listener(status)
  }
}

const each = <M>(listeners: ReadonlySet<(message: M) => void> | undefined, message: M): void => {
  for (const listener of listeners ?? []) listener(message)
}
