/**
 * Calls from one node to another, over the broadcaster of both. Internal to the channel part.
 *
 * 1. Each address listens to its own topic, and is present under the lease of its node: a call to an address without a lease fails at once.
 * 2. Messages may be lost on their way. The caller sends its call again until it hears of the other node, and then asks from time to time whether that node still works on it.
 * 3. An answer that hands something over has an owner at every time. The called node owns it until it knows that the caller has it whole, and the caller uses it only when it
 *    knows that it is the owner.
 * 4. When the caller cannot know that, the call fails as `in doubt`.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

import type { Broadcaster, Delivery } from "../broadcaster/Contract.ts"
import type { Presence } from "../presence/Contract.ts"
import { callMessageOf, partsOf } from "./CallMessage.ts"
import type { CallerMessage, CallMessage } from "./CallMessage.ts"
import { MadeCall } from "./MadeCall.ts"
import { ReceivedCalls } from "./ReceivedCalls.ts"
import type { ReceivedCallsSettings } from "./ReceivedCalls.ts"

/** How the calls of an address run. */
export interface CallSettings extends Pick<ReceivedCallsSettings, "now" | "answer"> {
  readonly broadcaster: Pick<Broadcaster["Service"], "publish" | "subscribe">
  /** Knows the present addresses. Without it, only its silence shows that an address has left. */
  readonly presence: Presence["Service"] | undefined
  /** An address that no other has. */
  readonly address: string
  /** How long the other node may be silent. */
  readonly silenceMillis: number
  /** Starts work that belongs to no caller, for as long as the node runs. */
  readonly fork: (work: Effect.Effect<void>) => Fiber.Fiber<void>
}

/** Why a call has no answer. */
export class CallFailed extends Data.TaggedError("CallFailed")<{
  /**
   * `gone`: there is no such address. `silent`: it did not answer in time, and may have handled the call. `taken back`: its answer was handed over to nobody. `in doubt`: its answer
   * may have been handed over to this caller.
   */
  readonly reason: "gone" | "silent" | "taken back" | "in doubt"
}> {}

/** The topic in which addresses are present, and the topics to which they listen. */
const addresses = "fairlead:calls"
const topicOf = (address: string): string => `fairlead:calls/${address}`

/** How many parts of a text are published at once. */
const maxSending = 8

/** How many addresses are remembered as present. */
const maxKnown = 1000

/** Calls other addresses, and answers their calls. */
export class NodeCalls {
  private readonly settings: CallSettings
  private readonly made = new Map<string, MadeCall>()
  private readonly received: ReceivedCalls
  /** Addresses that have been heard of. */
  private readonly known = new Set<string>()
  private count = 0

  constructor(settings: CallSettings) {
    this.settings = settings
    const { answer, fork, now, silenceMillis } = settings
    this.received = new ReceivedCalls({
      answer,
      fork,
      now,
      // Longer than a caller tries to take an answer.
      keepMillis: silenceMillis * 2,
      send: (to, id, messages) => void fork(this.send(to, id, messages))
    })
  }

  /** How many calls are on their way, and how many of others are remembered. */
  get sizes(): { readonly made: number; readonly received: number } {
    return { made: this.made.size, received: this.received.size }
  }

  /** Listens for as long as the scope is open. While the broker is away it tries again. */
  get open(): Effect.Effect<void, never, Scope.Scope> {
    const { address, broadcaster, presence, silenceMillis } = this.settings
    const entry = { id: address, key: address, ref: address, previousRef: undefined, meta: {} }
    const subscribed = Effect.acquireRelease(
      Effect.suspend(() =>
        broadcaster.subscribe(topicOf(address), { id: address, deliver: (delivery) => this.heard(delivery) })
      ),
      (unsubscribe) => Effect.sync(unsubscribe)
    )
    const sweeping = Effect.delay(
      Effect.sync(() => this.received.sweep()),
      Math.max(1, silenceMillis / 3)
    )
    return Effect.gen({ self: this }, function* () {
      yield* Effect.addFinalizer(() => Effect.sync(() => this.received.close()))
      yield* persistently(subscribed)
      yield* Effect.forkScoped(Effect.forever(sweeping))
      if (presence === undefined) return
      yield* persistently(
        Effect.acquireRelease(
          Effect.suspend(() => presence.put(addresses, entry)),
          () => presence.remove(addresses, [address])
        )
      )
    })
  }

  /** Whether an address is present, as far as is known. */
  isPresent(address: string): Effect.Effect<boolean> {
    return Effect.map(this.lookUp(address), (isPresent) => isPresent === true)
  }

  /** Calls an address. An interrupted caller cancels its call there. */
  call(to: string, request: Schema.Json): Effect.Effect<Schema.Json, CallFailed> {
    return Effect.suspend(() => {
      const { address, fork, now } = this.settings
      const call = new MadeCall(`${address}-${++this.count}`, to, now())
      const calling = Effect.flatMap(this.ask(call, JSON.stringify(request)), ({ isFinal, text }) =>
        Effect.as(isFinal ? Effect.void : this.take(call), JSON.parse(text) as Schema.Json)
      )
      return Effect.acquireUseRelease(
        Effect.sync(() => this.made.set(call.id, call)),
        () => calling,
        (_, exit) =>
          Effect.sync(() => {
            this.made.delete(call.id)
            if (exit._tag === "Failure") fork(this.send(to, call.id, [{ _tag: "Cancelled" }]))
          })
      )
    })
  }

  /** Ends the calls that wait for an answer: they fail as `taken back`. */
  endWaiting(): void {
    for (const call of this.made.values()) call.end()
  }

  private ask(call: MadeCall, text: string): Effect.Effect<NonNullable<MadeCall["answer"]>, CallFailed> {
    const { now, silenceMillis } = this.settings
    const messages = partsOf(text).map((part): CallerMessage => ({ _tag: "Call", ...part }))
    const { id, to } = call
    const present = Effect.flatMap(this.lookUp(to), (isPresent) => {
      if (isPresent !== false) return Effect.void
      this.known.delete(to)
      return Effect.fail(new CallFailed({ reason: "gone" }))
    })
    return Effect.gen({ self: this }, function* () {
      if (!this.known.has(to)) yield* present
      yield* this.send(to, id, messages)
      call.heardMillis = now()
      // How often the other node was asked since it was last heard of.
      let asked = 1
      let { version } = call
      for (;;) {
        if (call.answer !== undefined) return call.answer
        if (call.isEnded || call.isTaken === false) return yield* new CallFailed({ reason: "taken back" })
        const patience = asked === 0 ? silenceMillis / 1.5 : asked === 1 ? silenceMillis / 12 : silenceMillis / 4
        yield* call.changed(version, patience)
        if (call.version !== version) {
          version = call.version
          asked = 0
          continue
        }
        if (asked > 0) yield* present
        if (now() - call.heardMillis >= silenceMillis) return yield* new CallFailed({ reason: "silent" })
        yield* this.send(to, id, call.isReceived ? [{ _tag: "Probe" }] : messages)
        asked++
      }
    })
  }

  /** Takes the answer over from the called node. */
  private take(call: MadeCall): Effect.Effect<void, CallFailed> {
    const { now, silenceMillis } = this.settings
    return Effect.gen({ self: this }, function* () {
      const began = now()
      while (call.isTaken === undefined) {
        if (now() - began >= silenceMillis) return yield* new CallFailed({ reason: "in doubt" })
        const { version } = call
        yield* this.send(call.to, call.id, [{ _tag: "Taken" }])
        yield* call.changed(version, silenceMillis / 6)
      }
      return yield* call.isTaken ? Effect.void : new CallFailed({ reason: "taken back" })
    })
  }

  /** Whether an address is present; nothing where that cannot be known. */
  private lookUp(address: string): Effect.Effect<boolean | undefined> {
    const { presence } = this.settings
    if (presence === undefined) return Effect.succeed(undefined)
    return Effect.suspend(() => presence.list(addresses)).pipe(
      Effect.map(({ entries }) => entries.some(({ id }) => id === address)),
      Effect.catchCause(() => Effect.succeed(undefined))
    )
  }

  private heard({ payload }: Delivery): void {
    const message = callMessageOf(payload)
    if (message === undefined) return
    if (isOfCaller(message)) return this.received.receive(message)
    this.remember(message.from)
    this.made.get(message.id)?.heard(message, this.settings.now())
  }

  private remember(address: string): void {
    if (this.known.size >= maxKnown) this.known.clear()
    this.known.add(address)
  }

  /** Sends messages. One that could not be published is as one that was lost. */
  private send(to: string, id: string, messages: ReadonlyArray<object>): Effect.Effect<void> {
    const { address, broadcaster } = this.settings
    return Effect.forEach(
      messages,
      (message) =>
        Effect.suspend(() =>
          broadcaster.publish({ topic: topicOf(to), event: "call", payload: { ...message, id, from: address } })
        ),
      { concurrency: maxSending, discard: true }
    ).pipe(Effect.ignoreCause)
  }
}

const isOfCaller = (message: CallMessage): message is CallMessage & CallerMessage =>
  message._tag === "Call" || message._tag === "Probe" || message._tag === "Taken" || message._tag === "Cancelled"

/** Acquires now; where that fails, tries again in the background for as long as the scope is open. */
const persistently = <A, E>(acquire: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.matchEffect(acquire, {
    onSuccess: () => Effect.void,
    onFailure: () =>
      Effect.asVoid(Effect.forkScoped(Effect.delay(Effect.retry(acquire, Schedule.spaced("1 second")), "1 second")))
  })
