/**
 * One topic of one socket: handles its messages one after another, in a fiber where a handler does not answer at once, and acts on how they come out.
 * Internal to the channel part.
 *
 * 1. Joins, events and leaves are handled in the order in which they came.
 * 2. A second join of a topic interrupts the running handler, drops the waiting messages, ends the channel, and then joins again: a stuck handler cannot hold it up.
 * 3. A defect ends the channel, drops the waiting messages, and sends the client `phx_error`; the topic is free to be joined again.
 * 4. Waiting messages are bounded for each lane, so that a hanging channel holds up no other.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"

import { isEffect } from "../../core/Effects.ts"
import type { LeaveReason } from "../ApiTypes.ts"
import type { Delivery } from "../broadcaster/Contract.ts"
import type { Position } from "../broadcaster/Position.ts"
import type { ImplementedChannel } from "../Definition.ts"
import type { Incoming, Ref } from "../wire/Message.ts"
import * as Reserved from "../wire/Reserved.ts"
import * as Dispatch from "./Dispatch.ts"
import * as Join from "./Join.ts"
import { abandon, leave } from "./Leave.ts"
import type { Home, Member } from "./Member.ts"
import { Crashed, goesOn, settle } from "./Outcome.ts"
import type { Later, Outcome, Replied, Step } from "./Outcome.ts"
import type { Peer } from "./Peer.ts"
import { Refusal } from "./Refusal.ts"
import { after, goOn, overload, within } from "./Running.ts"
import type { Running } from "./Running.ts"
import { TaskQueue } from "./TaskQueue.ts"
import type { Task } from "./TaskQueue.ts"

/** A topic of a socket. */
export class Lane implements Home {
  readonly peer: Peer
  readonly topic: string
  readonly implementation: ImplementedChannel
  /** The joined channel. */
  private member: Member | undefined = undefined
  private readonly tasks: TaskQueue
  private busy = false
  /** Whether a broadcast is being intercepted. */
  private intercepting = false
  private fiber: Fiber.Fiber<unknown> | undefined = undefined
  /** Whether what runs has lost its place to a join or to the end of the socket. */
  private displaced = false
  /** A join and an end take the place of an event; only an end takes the place of a join. */
  private phase: "idle" | "joining" | "handling" | "ending" = "idle"

  constructor(peer: Peer, topic: string, implementation: ImplementedChannel) {
    this.peer = peer
    this.topic = topic
    this.implementation = implementation
    this.tasks = new TaskQueue(peer)
  }

  join(message: Incoming, size: number): void {
    if (this.member === undefined || this.phase === "joining" || this.phase === "ending") this.wait(message, size)
    else this.replace({ _tag: "Message", message, reservedBytes: undefined })
  }

  receive(message: Incoming, size: number): void {
    if (message.event === Reserved.requestReply && this.takeAnswer(message)) return
    if (this.busy || !this.tasks.isEmpty) return this.wait(message, size)
    // An idle lane does at once what would only be queued for itself.
    this.busy = true
    this.phase = "handling"
    this.run(this.handle(message))
    this.pump()
  }

  /** Takes the answer to a request at once: the handler that waits for it holds the lane. */
  private takeAnswer({ joinRef, payload, ref, topic }: Incoming): boolean {
    const { implementation, member, peer } = this
    if (member === undefined || implementation.compiled.requests.size === 0) return false
    const isCurrent = joinRef === null || member.joinRef === null || joinRef === member.joinRef
    const taken = isCurrent && member.answered(payload)
    if (ref === null) return true
    if (taken) peer.reply(member.joinRef, ref, topic, "ok", {})
    else peer.reply(member.joinRef, ref, topic, "error", { reason: "unknown request" })
    return true
  }

  /** Lets a broadcast be changed. */
  intercept(member: Member, delivery: Delivery, replayed: boolean): void {
    const result = this.tasks.addIntercept(member, delivery, replayed)
    if (result === "overflow") this.crash(member, overload(`More broadcasts wait to be intercepted on "${this.topic}"`))
    else this.pump()
  }

  /** Whether broadcasts wait for their interception, so that later ones keep their place after them. */
  get isIntercepting(): boolean {
    return this.intercepting || this.tasks.hasBroadcasts
  }

  /** Sends a position after the waiting broadcasts. */
  passed(member: Member, position: Position): void {
    this.add({ _tag: "Passed", member, position })
  }

  /** Sends a discontinuity after the waiting broadcasts. */
  gap(member: Member, from: Position, to: Position): void {
    this.add({ _tag: "Gap", member, from, to })
  }

  /** Ends a member's channel after the task that runs. */
  stop(member: Member): void {
    this.tasks.addFirst({ _tag: "Stop", member })
    this.pump()
  }

  /** Ends a member's channel now, also where its handler hangs. */
  kick(member: Member): void {
    if (this.member === member) this.replace({ _tag: "Stop", member })
  }

  /** The join_ref of the joined channel. */
  get joinRef(): Ref {
    return this.member?.joinRef ?? null
  }

  /** Ends it all: the socket is gone. */
  terminate(reason: LeaveReason): void {
    if (this.phase === "ending") this.tasks.clear()
    else this.replace({ _tag: "End", reason })
  }

  /** Ends a member's channel now, also where its handler hangs. */
  private crash(member: Member, crashed: Crashed): void {
    this.replace({ _tag: "Crash", member, crashed })
  }

  private replace(task: Task): void {
    // An idle lane starts the task at once: only what ran before is interrupted.
    const { busy, fiber } = this
    // Its waiting broadcasts are dropped: a later one must not reach the client without them.
    this.member?.leave()
    this.tasks.clear()
    if (busy) this.displaced = true
    this.add(task)
    fiber?.interruptUnsafe()
  }

  /** Queues a message. Where there is no room for it, this channel alone is busy. */
  private wait(message: Incoming, size: number): void {
    if (this.tasks.addMessage(message, size)) return this.pump()
    const { member, peer, topic } = this
    const { joinRef, ref } = message
    if (peer.settings.onBusy === "crash" && member !== undefined) {
      this.crash(member, overload(`More messages wait for the handlers of "${topic}"`))
    } else if (ref !== null) {
      peer.reply(joinRef, ref, topic, "error", { reason: "busy" })
    }
  }

  private add(task: Task): void {
    this.tasks.add(task)
    this.pump()
  }

  private pump(): void {
    while (!this.busy) {
      const task = this.tasks.take()
      if (task === undefined) {
        this.phase = "idle"
        if (this.member === undefined) this.peer.drop(this.topic)
        return
      }
      this.busy = true
      this.run(this.perform(task))
    }
  }

  private run(next: Running | undefined): void {
    while (next !== undefined) {
      const { effect, interruptible, onExit, scope } = next
      const context = this.peer.context(this.implementation, scope)
      const fiber = Effect.runForkWith(context)(effect)
      if (this.displaced && interruptible) fiber.interruptUnsafe()
      const exit = fiber.pollUnsafe()
      if (exit === undefined) {
        if (interruptible) this.fiber = fiber
        fiber.addObserver((exit) => {
          this.fiber = undefined
          this.run(onExit(exit))
          this.pump()
        })
        return
      }
      next = onExit(exit)
    }
    this.busy = false
    this.intercepting = false
    this.displaced = false
  }

  private perform(task: Task): Running | undefined {
    const { member } = this
    switch (task._tag) {
      case "Message":
        if (task.message.event === Reserved.join) return this.enter(task.message)
        this.phase = "handling"
        return this.handle(task.message)
      case "End":
        return member === undefined ? undefined : this.end(member, task.reason)
      case "Intercept": {
        if (task.member !== member) return undefined
        this.phase = "handling"
        this.intercepting = true
        const step = Dispatch.intercept(this.implementation, member, task.delivery)
        return this.follow(step, member.scope, (outcome) => this.act(member, undefined, outcome))
      }
      case "Passed":
        if (task.member === member) member.tellPosition(task.position)
        return undefined
      case "Gap":
        if (task.member === member) member.tellDiscontinuity(task.from, task.to)
        return undefined
      case "Stop":
        return task.member === member ? this.close(member, "stopped") : undefined
      default:
        return task.member === member ? this.crashed(member, task.crashed) : undefined
    }
  }

  private handle(message: Incoming): Running | undefined {
    const { member, peer } = this
    const { event, joinRef, ref, topic } = message
    if (member === undefined) {
      if (event === Reserved.leave) peer.reply(joinRef, ref, topic, "ok", {})
      else peer.unmatched(ref, topic)
      return undefined
    }
    // A client of V1 may have joined without a join_ref, and sent one later.
    const stale = joinRef !== null && member.joinRef !== null && joinRef !== member.joinRef
    if (stale) return undefined
    if (event === Reserved.leave) {
      peer.reply(member.joinRef, ref, topic, "ok", {})
      return this.close(member, "left")
    }
    const step = Dispatch.dispatch(peer, this.implementation, member, message)
    const { handlerTimeoutMillis } = peer.settings
    const bounded = isEffect(step) && handlerTimeoutMillis !== undefined ? within(step, handlerTimeoutMillis) : step
    return this.follow(bounded, member.scope, (outcome) => this.act(member, message, outcome))
  }

  /** Acts on the result of a step: at once, or when its fiber has ended. Nothing follows a fiber that was interrupted. */
  private follow<A>(step: Step<A>, scope: Scope.Scope, then: (result: A) => Running | undefined): Running | undefined {
    return isEffect(step)
      ? {
          effect: step as Effect.Effect<A, never, any>,
          scope,
          interruptible: true,
          onExit: (exit: Exit.Exit<A>) => (Exit.isSuccess(exit) ? then(exit.value) : undefined)
        }
      : then(step as A)
  }

  private act(member: Member, message: Incoming | undefined, outcome: Outcome): Running | undefined {
    switch (outcome._tag) {
      case "GoesOn":
        return undefined
      case "Replied":
        this.reply(member, message, outcome)
        return undefined
      case "Later":
        this.answerLater(member, message!, outcome)
        return undefined
      case "Stopped":
        if (outcome.reply !== undefined) this.reply(member, message, outcome.reply)
        return this.close(member, "stopped")
      default:
        return this.crashed(member, outcome)
    }
  }

  private reply(member: Member, message: Incoming | undefined, { payload, status }: Replied): void {
    if (message === undefined) return
    this.peer.reply(member.joinRef, message.ref, message.topic, status, payload)
  }

  /** Leaves a reply running in the channel's scope. */
  private answerLater(member: Member, message: Incoming, { answer }: Later): void {
    const context = this.peer.context(this.implementation, member.scope)
    const replied = Effect.map(Effect.exit(answer), (exit) => {
      if (this.member !== member) return
      const outcome = Exit.isSuccess(exit) ? exit.value : new Crashed(exit.cause)
      if (outcome._tag === "Replied") this.reply(member, message, outcome)
      else this.add({ _tag: "Crash", member, crashed: outcome })
    })
    Fiber.runIn(Effect.runForkWith(context)(replied), member.scope)
  }

  /** Joins. A channel joined before ends first, also when the join is refused. */
  private enter(message: Incoming): Running | undefined {
    this.phase = "joining"
    const old = this.member
    return after(old === undefined ? undefined : this.release(old, "replaced"), () => {
      // The socket went in the meantime.
      if (this.displaced) return undefined
      const attempt: Join.Attempt = { home: this, message, scope: Scope.makeUnsafe(), member: undefined }
      const step = Join.decide(attempt)
      if (!isEffect(step)) return this.decided(attempt, old, step as Join.Entered | Refusal)
      const timeout = this.peer.settings.joinTimeoutMillis
      const effect = Effect.timeoutOrElse(step as Effect.Effect<Join.Entered | Refusal, never, any>, {
        duration: timeout,
        orElse: () => Effect.succeed(Join.timedOut)
      })
      const onExit = (exit: Exit.Exit<Join.Entered | Refusal>) =>
        Exit.isSuccess(exit) ? this.decided(attempt, old, exit.value) : this.abandon(attempt)
      return { effect, scope: attempt.scope, interruptible: true, onExit }
    })
  }

  private decided(attempt: Join.Attempt, old: Member | undefined, decision: Join.Entered | Refusal) {
    const { joinRef, ref } = attempt.message
    const answer = (status: string, payload: Replied["payload"]): void => {
      this.peer.reply(joinRef, ref, this.topic, status, payload)
      if (old !== undefined) this.peer.channelEnded(old.joinRef, this.topic, Reserved.close)
    }
    if (this.displaced) return this.abandon(attempt)
    if (decision instanceof Refusal) {
      return after(this.abandon(attempt), () => {
        answer("error", decision.payload)
        return undefined
      })
    }
    const { member, recovered, reply } = decision
    this.phase = "handling"
    this.member = member
    answer("ok", reply)
    member.open(recovered)
    return this.opened(member)
  }

  private opened(member: Member): Running | undefined {
    const { afterJoin } = this.implementation.handlers
    if (afterJoin === undefined) {
      member.showPresence()
      return undefined
    }
    const step = settle(afterJoin(member), (exit): Outcome => {
      if (Exit.isFailure(exit)) return new Crashed(exit.cause)
      member.showPresence()
      return goesOn
    })
    return this.follow(step, member.scope, (outcome) => this.act(member, undefined, outcome))
  }

  /** Ends a join that did not enter. */
  private abandon({ member, scope }: Join.Attempt): Running | undefined {
    member?.leave()
    member?.ended()
    return goOn(abandon(scope), scope, () => {})
  }

  /** Ends a channel in order: the client sees it closed for good. */
  private close(member: Member, reason: LeaveReason): Running | undefined {
    this.peer.channelEnded(member.joinRef, this.topic, Reserved.close)
    return this.end(member, reason)
  }

  /** Ends a channel for a defect, its own or that of a handler: the client sees it, and joins again. */
  private crashed(member: Member, { cause, interceptor }: Crashed): Running | undefined {
    const blamed = interceptor ?? this.implementation.compiled.pattern.text
    this.peer.hooks.logDefect(blamed, `the channel of "${this.topic}" has ended`, cause)
    this.peer.channelEnded(member.joinRef, this.topic, Reserved.error)
    this.tasks.clear()
    return this.end(member, "crashed")
  }

  /** Ends a channel without a word. */
  private end(member: Member, reason: LeaveReason): Running | undefined {
    this.phase = "ending"
    return this.release(member, reason)
  }

  private release(member: Member, reason: LeaveReason): Running | undefined {
    this.member = undefined
    member.leave()
    return goOn(leave(this.peer, this.implementation, member, reason), member.scope, () => member.ended())
  }
}
