/**
 * Who is present in one topic that this node watches: follows the positions of changes, and lists again after a gap. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type { Position } from "../broadcaster/Position.ts"
import type { PresenceChange, PresenceSnapshot, PresenceWatcher } from "../presence/Contract.ts"
import { Entries } from "../presence/Entries.ts"
import type { HeldSnapshot, PresenceMessage } from "./PresenceBroker.ts"

/** The engine as its topics use it. */
export interface PresentOwner {
  /** Lists again: it ends in `listed`. */
  readonly relist: (topic: PresentTopic) => void
  readonly reportDefect: (topic: string, defect: unknown) => void
}

/** How many changes are held while the topic is listed. Beyond it, it is listed once more. */
const maxHeld = 10_000

/** A watched topic. */
export class PresentTopic {
  readonly name: string
  readonly watchers = new Set<PresenceWatcher>()
  private readonly owner: PresentOwner
  private readonly entries = new Entries()
  private readonly incarnations = new Map<string, string>()
  private position: Position | undefined = undefined
  private isListing = true
  private held: Array<PresenceMessage> = []
  /** Whether nobody watched it at the last check. */
  isIdle = false

  constructor(name: string, owner: PresentOwner) {
    this.name = name
    this.owner = owner
  }

  get snapshot(): PresenceSnapshot {
    return { position: this.position ?? { epoch: "", offset: 0 }, entries: this.entries.all }
  }

  /** The incarnations that hold its entries. */
  get holders(): Iterable<string> {
    return this.incarnations.values()
  }

  readonly onMessage = (message: PresenceMessage): void => {
    if (!this.isListing) return this.follow(message)
    this.held.push(message)
    if (this.held.length > maxHeld) this.held.shift()
  }

  /** The position of the last change that this node knows. */
  get known(): Position | undefined {
    return this.position
  }

  /** Lists again where the broker's position is later than the known one, or earlier than the one that was known when it was asked: the broker has lost changes. */
  checked(position: Position | undefined, before: Position | undefined): void {
    const { position: known } = this
    if (this.isListing || position === undefined || known === undefined) return
    const hasLost = position.epoch === before?.epoch && position.offset < before.offset
    if (position.epoch !== known.epoch || position.offset > known.offset || hasLost) this.relist()
  }

  relist(): void {
    if (this.isListing) return
    this.isListing = true
    this.owner.relist(this)
  }

  /** The list that was asked for; nothing where the broker did not answer. */
  listed(snapshot: HeldSnapshot | undefined): void {
    this.isListing = false
    const { held } = this
    this.held = []
    // Without a list the held changes are lost: the next check, or the return of the broker, lists again.
    if (snapshot === undefined) return
    this.position = snapshot.position
    this.incarnations.clear()
    for (const { id, incarnation } of snapshot.entries) this.incarnations.set(id, incarnation)
    this.report(this.entries.become(snapshot.position, snapshot.entries))
    for (const message of held) this.onMessage(message)
  }

  private follow(message: PresenceMessage): void {
    const { position } = message
    const { position: known } = this
    if (known !== undefined && position.epoch === known.epoch) {
      if (position.offset <= known.offset) return
      if (position.offset === known.offset + 1) return this.apply(message)
    }
    this.held.push(message)
    this.relist()
  }

  private apply(message: PresenceMessage): void {
    this.position = message.position
    if (message._tag === "Remove") {
      for (const id of message.ids) this.incarnations.delete(id)
      return this.report(this.entries.remove(() => message.position, message.ids))
    }
    const { entry, position } = message
    this.incarnations.set(entry.id, entry.incarnation)
    // The same entry under a new incarnation of its node.
    if (this.entries.get(entry.id)?.ref === entry.ref) return
    this.report(this.entries.put(position, entry))
  }

  private report(change: PresenceChange | undefined): void {
    if (change === undefined) return
    for (const watcher of this.watchers) {
      try {
        watcher.onChange(change)
      } catch (defect) {
        this.owner.reportDefect(this.name, defect)
      }
    }
  }
}
