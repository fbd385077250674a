/**
 * One topic of one socket: handles its messages one after another, in a fiber of its own where a handler does not answer at once. Internal to the channel part.
 *
 * 1. What is not ended yet keeps its place: a join, an event and a leave are handled in the order in which they came.
 * 2. A join of a topic that is joined interrupts what the channel is at, drops what waits, ends it, and then joins anew: a stuck handler cannot hold it up.
 * 3. A defect ends the channel, drops what waits, and tells the client `phx_error`; the topic is free to be joined again.
 *
 * @since 0.1.0
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

import type { Reason } from "../ApiTypes.ts"
import type { Message } from "../Broadcaster.ts"
import type { Implementation } from "../Definition.ts"
import type { Incoming } from "../wire/Message.ts"
import * as Reserved from "../wire/Reserved.ts"
import type { Connection } from "./Connection.ts"
import * as Dispatch from "./Dispatch.ts"
import { enter } from "./Join.ts"
import { leave } from "./Leave.ts"
import type { Member } from "./Member.ts"

/** What a lane has to do: a client's message, a broadcast to intercept, or the end of a member's channel. */
type Task =
  | { readonly _tag: "Message"; readonly message: Incoming; readonly size: number }
  | { readonly _tag: "Intercept"; readonly member: Member; readonly message: Message }
  | { readonly _tag: "Stop"; readonly member: Member }
  | { readonly _tag: "Crash"; readonly member: Member; readonly cause: Cause.Cause<unknown> }
  | { readonly _tag: "End"; readonly reason: Reason }

/** Work that goes on, in a scope; nothing when it was done at once. */
export type Work =
  | { readonly effect: Effect.Effect<void, never, any>; readonly scope: Scope.Scope | undefined }
  | undefined

const nothing: Array<Task> = []

const sizeOf = (task: Task): number => (task._tag === "Message" ? task.size : 0)

/** A topic of a socket. */
export class Lane {
  readonly connection: Connection
  readonly topic: string
  readonly implementation: Implementation
  /** The joined channel. */
  member: Member | undefined = undefined
  private tasks: Array<Task> = nothing
  /** How many of the tasks are broadcasts to intercept. */
  private intercepts = 0
  private busy = false
  private fiber: Fiber.Fiber<void> | undefined = undefined
  /** Whether what runs took its own place away before it had a fiber that could be interrupted. */
  private displaced = false
  /** What the running task may be interrupted by: a join and an end take the place of an event, only an end that of a join. */
  private phase: "idle" | "joining" | "handling" | "ending" = "idle"

  constructor(connection: Connection, topic: string, implementation: Implementation) {
    this.connection = connection
    this.topic = topic
    this.implementation = implementation
  }

  join(message: Incoming, size: number): void {
    const task: Task = { _tag: "Message", message, size }
    if (this.member === undefined || this.phase === "joining" || this.phase === "ending") this.add(task)
    else this.instead(task)
  }

  receive(message: Incoming, size: number): void {
    if (this.busy || this.tasks !== nothing) return this.add({ _tag: "Message", message, size })
    // An idle lane does at once what would only be queued for itself.
    this.busy = true
    this.phase = "handling"
    this.run(this.handle(message))
    this.pump()
  }

  /** Lets a broadcast be changed. What waits for that is bounded as what waits for a slow reader is. */
  intercept(member: Member, message: Message): void {
    const { maxMessages, onOverflow, policy } = this.connection.hub.settings.slowReader
    if (this.intercepts >= maxMessages) {
      onOverflow(1, policy === "close")
      if (policy === "close") return this.connection.overflow()
      if (policy === "drop-newest") return
      const oldest = this.tasks.findIndex(({ _tag }) => _tag === "Intercept")
      for (const dropped of this.tasks.splice(oldest, 1)) this.waited(dropped)
    }
    this.intercepts++
    this.add({ _tag: "Intercept", member, message })
  }

  /** Ends a member's channel behind the task that runs. */
  stop(member: Member): void {
    this.tasks = [{ _tag: "Stop", member }, ...this.tasks]
    this.connection.waits(1, 0)
    this.pump()
  }

  /** Ends a member's channel for a defect of something that it left running. */
  crash(member: Member, cause: Cause.Cause<unknown>): void {
    this.add({ _tag: "Crash", member, cause })
  }

  /** Ends it all: the socket is gone. */
  terminate(reason: Reason): void {
    if (this.phase === "ending") this.clear()
    else this.instead({ _tag: "End", reason })
  }

  private instead(task: Task): void {
    // An idle lane starts the task at once: only what ran before is interrupted.
    const { busy, fiber } = this
    this.clear()
    this.add(task)
    if (fiber !== undefined) fiber.interruptUnsafe()
    else if (busy) this.displaced = true
  }

  private clear(): void {
    const { tasks } = this
    this.tasks = nothing
    for (const task of tasks) this.waited(task)
  }

  /** A task that waits no longer. */
  private waited(task: Task): void {
    if (task._tag === "Intercept") this.intercepts--
    this.connection.waits(-1, -sizeOf(task))
  }

  private add(task: Task): void {
    if (this.tasks === nothing) this.tasks = [task]
    else this.tasks.push(task)
    this.connection.waits(1, sizeOf(task))
    this.pump()
  }

  private pump(): void {
    while (!this.busy) {
      const task = this.tasks.shift()
      if (task === undefined) {
        this.tasks = nothing
        this.phase = "idle"
        if (this.member === undefined) this.connection.dropLane(this)
        return
      }
      this.busy = true
      this.waited(task)
      this.run(this.perform(task))
    }
  }

  private run(work: Work): void {
    if (work === undefined) return this.done()
    const context = this.connection.contextOver(this.implementation.built, work.scope)
    const fiber = Effect.runForkWith(context)(work.effect)
    if (fiber.pollUnsafe() !== undefined) return this.done()
    this.fiber = fiber
    fiber.addObserver(() => {
      this.fiber = undefined
      this.done()
      this.pump()
    })
    if (this.displaced) fiber.interruptUnsafe()
  }

  private done(): void {
    this.busy = false
    this.displaced = false
  }

  private perform(task: Task): Work {
    const member = this.member
    switch (task._tag) {
      case "Message":
        if (task.message.event === Reserved.join) {
          this.phase = "joining"
          return enter(this, task.message)
        }
        this.phase = "handling"
        return this.handle(task.message)
      case "End":
        return member === undefined ? undefined : this.end(member, task.reason)
      case "Intercept":
        this.phase = "handling"
        return task.member === member ? Dispatch.intercept(member, task.message) : undefined
      case "Stop":
        return task.member === member ? this.close(member, "stopped") : undefined
      default:
        return task.member === member ? this.crashed(member, task.cause) : undefined
    }
  }

  private handle(message: Incoming): Work {
    const { member } = this
    const { joinRef, ref, topic } = message
    if (member === undefined) {
      if (message.event === Reserved.leave) this.connection.reply(joinRef, ref, topic, "ok", {})
      else this.connection.unmatched(message)
      return undefined
    }
    // A client of V1 may have joined without a join_ref, and sent one later.
    const stale = joinRef !== null && member.joinRef !== null && joinRef !== member.joinRef
    if (stale) return undefined
    if (message.event !== Reserved.leave) return Dispatch.dispatch(member, message)
    this.connection.reply(member.joinRef, ref, topic, "ok", {})
    return this.close(member, "left")
  }

  /** Ends a channel in order: the client sees it closed for good. */
  close(member: Member, reason: Reason): Work {
    this.connection.channelEnded(member.joinRef, this.topic, Reserved.close)
    return this.end(member, reason)
  }

  /** Ends a channel for a defect, its own or that of a handler: the client sees it, and joins again. */
  crashed(member: Member, cause: Cause.Cause<unknown>, interceptor = this.implementation.compiled.pattern.text): Work {
    this.connection.hub.logDefect(interceptor, `the channel of "${this.topic}" has ended`, cause)
    this.connection.channelEnded(member.joinRef, this.topic, Reserved.error)
    this.clear()
    return this.end(member, "crashed")
  }

  /** Ends a channel without a word. */
  end(member: Member, reason: Reason): Work {
    this.phase = "ending"
    return this.release(member, reason)
  }

  /** Ends a channel for a join that takes its place. */
  replace(member: Member): Work {
    return this.release(member, "replaced")
  }

  /** The join has succeeded: from now on the channel can be joined anew. */
  entered(member: Member): void {
    this.phase = "handling"
    this.member = member
    member.attach()
  }

  private release(member: Member, reason: Reason): Work {
    this.member = undefined
    member.detach()
    return leave(member, reason)
  }
}
