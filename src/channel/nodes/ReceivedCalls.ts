/**
 * The calls that other nodes make to this one. Internal to the channel part.
 *
 * 1. A call runs once, however often it arrives; its answer is kept for a while and sent again when it is asked for.
 * 2. An answer that hands something over is settled once: the caller has taken it, or it comes back since the caller has cancelled or is silent.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Schema from "effect/Schema"

import { Assembly, partsOf } from "./CallMessage.ts"
import type { CalledMessage, CallerMessage, CallMessage } from "./CallMessage.ts"

/** An answer, and the end of its loan. */
export interface Answered {
  readonly answer: Schema.Json
  /** Called once: with true when the caller has the answer, with false when it will never have it. Without this function the answer is final. */
  readonly settle: ((isTaken: boolean) => void) | undefined
}

/** How calls are answered. */
export interface ReceivedCallsSettings {
  readonly now: () => number
  /** How long an answer waits for its caller, and is remembered afterwards. */
  readonly keepMillis: number
  readonly fork: (work: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly send: (to: string, id: string, messages: ReadonlyArray<CalledMessage>) => void
  /** Answers a call, in an uninterruptible region: its waits must be interruptible. */
  readonly answer: (request: Schema.Json) => Effect.Effect<Answered>
}

/** Arriving, working, answered and not settled, or over. */
type State =
  | { readonly _tag: "Arriving"; readonly assembly: Assembly }
  | { readonly _tag: "Working"; fiber: Fiber.Fiber<void> | undefined }
  | { readonly _tag: "Answered"; readonly messages: ReadonlyArray<CalledMessage>; readonly settle: Answered["settle"] }
  | { readonly _tag: "Over"; readonly messages: ReadonlyArray<CalledMessage> }

interface ReceivedCall {
  readonly id: string
  readonly from: string
  state: State
  /** When its state changes by itself. */
  untilMillis: number
}

/** The calls that arrive. */
export class ReceivedCalls {
  private readonly settings: ReceivedCallsSettings
  private readonly calls = new Map<string, ReceivedCall>()

  constructor(settings: ReceivedCallsSettings) {
    this.settings = settings
  }

  /** How many calls are remembered. */
  get size(): number {
    return this.calls.size
  }

  receive(message: CallerMessage & Pick<CallMessage, "id" | "from">): void {
    const { from, id } = message
    let call = this.calls.get(id)
    if (call === undefined) {
      if (message._tag === "Taken") this.settings.send(from, id, [{ _tag: "Settled", isTaken: false }])
      if (message._tag !== "Call") return
      call = { id, from, state: { _tag: "Arriving", assembly: new Assembly() }, untilMillis: this.until }
      this.calls.set(id, call)
    }
    const { state } = call
    if (message._tag === "Cancelled") return this.cancel(call)
    if (message._tag === "Taken" && state._tag === "Answered") return this.settle(call, state, true)
    if (message._tag === "Call" && state._tag === "Arriving") {
      const text = state.assembly.add(message)
      if (text !== undefined) this.work(call, text)
      return
    }
    this.repeat(call)
  }

  /** Takes answers back from silent callers, and forgets old calls. */
  sweep(): void {
    const now = this.settings.now()
    for (const call of this.calls.values()) {
      // The work has its own limit of time.
      if (call.untilMillis > now || call.state._tag === "Working") continue
      if (call.state._tag === "Answered") this.settle(call, call.state, false)
      else this.calls.delete(call.id)
    }
  }

  /** Takes back every open answer, and stops all work. */
  close(): void {
    for (const call of this.calls.values()) this.cancel(call)
    this.calls.clear()
  }

  private get until(): number {
    return this.settings.now() + this.settings.keepMillis
  }

  private work(call: ReceivedCall, text: string): void {
    const working: State = { _tag: "Working", fiber: undefined }
    call.state = working
    const answering = Effect.flatMap(
      Effect.suspend(() => this.settings.answer(JSON.parse(text) as Schema.Json)),
      (answered) => Effect.sync(() => this.answered(call, working, answered))
    )
    working.fiber = this.settings.fork(
      // In one step, so that no interruption comes between an answer and its record.
      Effect.uninterruptible(
        Effect.catchCause(answering, (cause) => {
          if (Cause.hasInterruptsOnly(cause)) return Effect.void
          this.end(call, [{ _tag: "Settled", isTaken: false }])
          this.repeat(call)
          return Effect.logError("A call of another node was not answered", cause)
        })
      )
    )
    if (call.state === working) this.repeat(call)
  }

  private answered(call: ReceivedCall, working: State, { answer, settle }: Answered): void {
    // It was cancelled in the meantime.
    if (call.state !== working) return settle?.(false)
    const isFinal = settle === undefined
    const messages = partsOf(JSON.stringify(answer)).map((part): CalledMessage => ({
      _tag: "Answer",
      isFinal,
      ...part
    }))
    if (isFinal) this.end(call, messages)
    else {
      call.state = { _tag: "Answered", messages, settle }
      call.untilMillis = this.until
    }
    this.repeat(call)
  }

  private settle(call: ReceivedCall, { settle }: State & { _tag: "Answered" }, isTaken: boolean): void {
    this.end(call, [{ _tag: "Settled", isTaken }])
    settle?.(isTaken)
    this.repeat(call)
  }

  private cancel(call: ReceivedCall): void {
    const { state } = call
    if (state._tag === "Over") return
    this.end(call, [{ _tag: "Settled", isTaken: false }])
    if (state._tag === "Answered") state.settle?.(false)
    else if (state._tag === "Working") state.fiber?.interruptUnsafe()
  }

  private end(call: ReceivedCall, messages: ReadonlyArray<CalledMessage>): void {
    call.state = { _tag: "Over", messages }
    call.untilMillis = this.until
  }

  /** Sends the messages of the present state. */
  private repeat({ from, id, state }: ReceivedCall): void {
    if (state._tag === "Arriving") return
    this.settings.send(from, id, state._tag === "Working" ? [{ _tag: "Working" }] : state.messages)
  }
}
