/**
 * The waiting tasks of a lane, within bounds. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type { LeaveReason } from "../ApiTypes.ts"
import type { Delivery } from "../broadcaster/Contract.ts"
import type { Position } from "../broadcaster/Position.ts"
import type { Incoming } from "../wire/Message.ts"
import type { Member } from "./Member.ts"
import type { Crashed } from "./Outcome.ts"
import type { Peer } from "./Peer.ts"

/** The work of a lane. */
export type Task =
  | { readonly _tag: "Message"; readonly message: Incoming; readonly reservedBytes: number | undefined }
  | { readonly _tag: "Intercept"; readonly member: Member; readonly delivery: Delivery; readonly bounded: boolean }
  | { readonly _tag: "Passed"; readonly member: Member; readonly position: Position }
  | { readonly _tag: "Gap"; readonly member: Member; readonly from: Position; readonly to: Position }
  | { readonly _tag: "Stop"; readonly member: Member }
  | { readonly _tag: "Crash"; readonly member: Member; readonly crashed: Crashed }
  | { readonly _tag: "End"; readonly reason: LeaveReason }

const isBounded = (task: Task): boolean => task._tag === "Intercept" && task.bounded

/** Work that keeps its place among broadcasts: a message that came later must not overtake a gap either. */
const isPositioned = ({ _tag }: Task): boolean => _tag === "Intercept" || _tag === "Passed" || _tag === "Gap"

const nothing: Array<Task> = []

/** The tasks of a lane, in order. */
export class TaskQueue {
  private readonly peer: Peer
  private tasks: Array<Task> = nothing
  private messages = 0
  private bytes = 0
  /** How many bounded broadcasts wait to be intercepted. */
  private intercepts = 0
  /** How many tasks keep their place among broadcasts. */
  private positioned = 0

  constructor(peer: Peer) {
    this.peer = peer
  }

  /** Whether broadcasts wait, so that later ones must wait as well. */
  get hasBroadcasts(): boolean {
    return this.positioned > 0
  }

  get isEmpty(): boolean {
    return this.tasks === nothing
  }

  /** Adds a message, if there is room for it. */
  addMessage(message: Incoming, size: number): boolean {
    const { maxPendingBytes, maxPendingMessages } = this.peer.settings
    const fits = this.messages < maxPendingMessages && this.bytes + size <= maxPendingBytes
    if (!fits || !this.peer.reserve(size)) return false
    this.messages++
    this.bytes += size
    this.add({ _tag: "Message", message, reservedBytes: size })
    return true
  }

  /**
   * Adds a broadcast to intercept. Beyond the limit, one of them is dropped, or it says that the channel is to end. A channel's own broadcasts are not bounded,
   * nor are those that it missed: how many of these there are, the retention limits.
   */
  addIntercept(member: Member, delivery: Delivery, replayed: boolean): "added" | "dropped" | "overflow" {
    const task: Task = {
      _tag: "Intercept",
      member,
      delivery,
      bounded: !replayed && delivery.publisher !== member.id
    }
    if (isBounded(task)) {
      const { count, maxMessages, onOverflow } = this.peer.settings.slowReader
      if (this.intercepts >= maxMessages) {
        count(1, false)
        if (onOverflow === "close") return "overflow"
        if (onOverflow === "drop-newest") {
          this.lose(member, delivery, this.tasks.length)
          return "dropped"
        }
        this.dropOldest()
      }
      this.intercepts++
    }
    this.add(task)
    return "added"
  }

  add(task: Task): void {
    if (isPositioned(task)) this.positioned++
    if (this.tasks === nothing) this.tasks = [task]
    else this.tasks.push(task)
  }

  /** Adds a task before all others. */
  addFirst(task: Task): void {
    this.tasks = [task, ...this.tasks]
  }

  /** Takes the next task. */
  take(): Task | undefined {
    const task = this.tasks.shift()
    if (task === undefined) this.tasks = nothing
    else this.removed(task)
    return task
  }

  clear(): void {
    const { tasks } = this
    this.tasks = nothing
    for (const task of tasks) this.removed(task)
  }

  private removed(task: Task): void {
    if (isPositioned(task)) this.positioned--
    if (isBounded(task)) this.intercepts--
    if (task._tag !== "Message" || task.reservedBytes === undefined) return
    this.messages--
    this.bytes -= task.reservedBytes
    this.peer.release(task.reservedBytes)
  }

  private dropOldest(): void {
    const oldest = this.tasks.findIndex(isBounded)
    const [lost] = this.tasks.splice(oldest, 1)
    if (lost === undefined) return
    this.removed(lost)
    if (lost._tag === "Intercept") this.lose(lost.member, lost.delivery, oldest)
  }

  // A member that follows positions gets a discontinuity in the place of the lost message.
  private lose(member: Member, { position }: Delivery, at: number): void {
    if (position === undefined) return
    const from = { ...position, offset: position.offset - 1 }
    const before = this.tasks[at - 1]
    if (before?._tag === "Gap" && before.member === member && before.to.offset === from.offset) {
      this.tasks[at - 1] = { ...before, to: position }
    } else {
      this.positioned++
      this.tasks.splice(at, 0, { _tag: "Gap", member, from, to: position })
    }
  }
}
