/**
 * Runs hooks: in declared order, each within its time-out; the first rejection is the last hook that runs. Internal to the endpoint part.
 *
 * Plain values cost no fiber. The first hook that returns an Effect starts one fiber for the rest of the chain. It runs at once; only a chain that suspends is waited
 * for, and gets one time limit, which moves on with the chain.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"

import { logDefect } from "../../core/CauseOrigin.ts"
import type { Bound as CoreBound } from "../../core/Composite.ts"
import { isEffect, isExit } from "../../core/Effects.ts"
import { Reject } from "../../core/Reject.ts"
import type { Watch } from "../../core/Watch.ts"
import type { ConnectionInfo } from "../EndpointConnection.ts"
import type { ConnectError } from "../EndpointError.ts"
import { Rejected } from "../EndpointError.ts"
import { Dial } from "../EndpointHooks.ts"
import type { Admission, CloseInfo, DialInfo, Remote, StreamInfo } from "../EndpointHooks.ts"
import type { HooksValue } from "../HooksValue.ts"
import type { Attempt } from "./Attempt.ts"
import { endpointClosed } from "./Attempt.ts"
import type { Deadlines } from "./Deadlines.ts"
import type { Environment } from "./Environment.ts"

type Hook = "beforeConnect" | "beforeAccept" | "afterHandshake" | "onStreamOpen" | "onClose"

/** Hooks as an endpoint's build has them. */
export type BoundHooks = CoreBound<HooksValue>

type Having<K extends Hook> = BoundHooks & {
  readonly interceptor: { readonly [X in K]-?: NonNullable<HooksValue[X]> }
}

const having = <K extends Hook>(all: ReadonlyArray<BoundHooks>, hook: K): ReadonlyArray<Having<K>> =>
  all.filter((bound): bound is Having<K> => bound.interceptor[hook] !== undefined)

const hookTimedOut = new Reject({ reason: "the hook took too long" })

const internalError = new Reject({ reason: "internal error", status: 500 })

const defaultTimeout = Duration.seconds(10)

/** The settings of a run of a chain of hooks. */
interface Run {
  readonly hooks: ReadonlyArray<BoundHooks>
  readonly hook: Hook
  readonly call: (hooks: any) => unknown
  readonly scope: () => Scope.Scope
  readonly attempt: Attempt | undefined
  readonly watch: Watch | undefined
}

const ofAttempt = (run: Pick<Run, "hooks" | "hook" | "call">, attempt: Attempt, scope: () => Scope.Scope): Run => ({
  ...run,
  scope,
  attempt,
  watch: attempt.watch
})

/** The answer of a hook: nothing for "go on". */
type Answer = Admission | undefined

/** The hooks of an endpoint, and how they are run. */
export class Gate {
  private readonly environment: Environment
  private readonly deadlines: Deadlines
  private readonly dial: Dial["Service"]
  /** The hooks in the order of the chain's description. */
  private readonly all: ReadonlyArray<BoundHooks>
  private readonly connecting: ReadonlyArray<Having<"beforeConnect">>
  private readonly accepting: ReadonlyArray<Having<"beforeAccept">>
  private readonly shaken: ReadonlyArray<Having<"afterHandshake">>
  private readonly opening: ReadonlyArray<Having<"onStreamOpen">>
  private readonly closing: ReadonlyArray<Having<"onClose">>
  private lastCaller: Context.Context<never> | undefined
  private lastMerged: Context.Context<never> = Context.empty()

  constructor(environment: Environment, hooks: ReadonlyArray<BoundHooks>, deadlines: Deadlines, dial: Dial["Service"]) {
    this.environment = environment
    this.deadlines = deadlines
    this.dial = dial
    this.all = hooks
    this.connecting = having(hooks, "beforeConnect")
    this.accepting = having(hooks, "beforeAccept")
    this.shaken = having(hooks, "afterHandshake")
    this.opening = having(hooks, "onStreamOpen")
    this.closing = having(hooks, "onClose")
  }

  get seesDials(): boolean {
    return this.connecting.length > 0
  }

  get seesKnocks(): boolean {
    return this.accepting.length > 0
  }

  get seesHandshakes(): boolean {
    return this.shaken.length > 0
  }

  get seesStreams(): boolean {
    return this.opening.length > 0
  }

  get seesEnds(): boolean {
    return this.closing.length > 0
  }

  beforeConnect(dial: DialInfo, attempt: Attempt): Effect.Effect<unknown, Rejected | ConnectError> {
    const call = ({ beforeConnect }: Having<"beforeConnect">["interceptor"]) => beforeConnect(dial)
    return this.run(ofAttempt({ hooks: this.connecting, hook: "beforeConnect", call }, attempt, attempt.attemptScope))
  }

  /** The first that does not accept decides; a rejection refuses. */
  beforeAccept(remote: Remote, attempt: Attempt): Effect.Effect<Admission, ConnectError> {
    const call = ({ beforeAccept }: Having<"beforeAccept">["interceptor"]) => beforeAccept(remote)
    return Effect.matchEffect(
      this.run(ofAttempt({ hooks: this.accepting, hook: "beforeAccept", call }, attempt, attempt.attemptScope)),
      {
        onSuccess: (answer) => Effect.succeed<Admission>(answer ?? "accept"),
        onFailure: (error) => (error._tag === "Rejected" ? Effect.succeed<Admission>("refuse") : Effect.fail(error))
      }
    )
  }

  afterHandshake(connection: ConnectionInfo, attempt: Attempt): Effect.Effect<unknown, Rejected | ConnectError> {
    const call = ({ afterHandshake }: Having<"afterHandshake">["interceptor"]) => afterHandshake(connection)
    return this.run(ofAttempt({ hooks: this.shaken, hook: "afterHandshake", call }, attempt, attempt.connectionScope))
  }

  /** The scope owns the resources of the hooks: its maker closes it with the stream. */
  onStreamOpen(
    stream: StreamInfo,
    connection: ConnectionInfo,
    scope: Scope.Scope,
    watch: Watch | undefined
  ): Effect.Effect<unknown, Rejected> {
    const call = ({ onStreamOpen }: Having<"onStreamOpen">["interceptor"]) => onStreamOpen(stream, connection)
    return this.run({
      hooks: this.opening,
      hook: "onStreamOpen",
      call,
      scope: () => scope,
      attempt: undefined,
      watch
    }) as Effect.Effect<unknown, Rejected>
  }

  /** Every hook hears of it, side by side, whatever becomes of the others. */
  onClose(close: CloseInfo, connection: ConnectionInfo, watch: Watch | undefined): Effect.Effect<void> {
    const call = ({ onClose }: Having<"onClose">["interceptor"]) => onClose(close, connection)
    return Effect.forEach(
      this.closing,
      (bound) =>
        Effect.scopedWith((scope) =>
          Effect.ignore(
            this.run({ hooks: [bound], hook: "onClose", call, scope: () => scope, attempt: undefined, watch })
          )
        ),
      { discard: true, concurrency: "unbounded" }
    )
  }

  private run(run: Run): Effect.Effect<Answer, Rejected | ConnectError> {
    if (run.hooks.length === 0) return Effect.succeed(undefined)
    return Effect.withFiber((fiber) => {
      for (let index = 0; index < run.hooks.length; index++) {
        const out = this.call(run, index)
        if (!isEffect(out)) {
          if (this.decides(run, out)) return Effect.succeed(out as Answer)
        } else if (isExit(out) && Exit.isSuccess(out)) {
          if (this.decides(run, out.value)) return out as Exit.Exit<Answer>
        } else return this.chain(run, index, out, fiber.context)
      }
      return Effect.succeed(undefined)
    })
  }

  /** Calls one hook; an exception is its defect. */
  private call(run: Run, index: number): unknown {
    const { call, hook, hooks, watch } = run
    const bound = hooks[index]!
    const { interceptor: value, name } = bound
    try {
      if (watch === undefined) return call(value)
      return watch.around(
        name,
        hook,
        () => call(value),
        (answer) => (this.decides(run, answer) ? "halt" : "success"),
        { index: this.all.indexOf(bound) }
      )
    } catch (defect) {
      return Exit.die(defect)
    }
  }

  private decides({ hook }: Run, answer: unknown): boolean {
    return hook === "beforeAccept" && answer !== undefined && answer !== "accept"
  }

  /** Runs the rest of a chain in a fiber, from a hook whose Effect has to be run. */
  private chain(
    run: Run,
    first: number,
    out: Effect.Effect<unknown, unknown>,
    caller: Context.Context<never>
  ): Effect.Effect<Answer, Rejected | ConnectError> {
    return Effect.callback((resume) => {
      let current = first
      let isLate = false
      let deadline: ReturnType<Deadlines["after"]> | undefined
      const timeoutOf = (): Duration.Duration => {
        // A chain that is done may still have an operation to go.
        return run.hooks[current]?.interceptor.timeout ?? defaultTimeout
      }
      const context = this.contextOf(run, caller)
      // A class-tagged hook has the services of its Layer.
      const provided = (effect: Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> =>
        run.hooks[current]!.services?.provide(effect) ?? effect
      const goOn = (answer: unknown): Effect.Effect<unknown, unknown> => {
        if (this.decides(run, answer)) return Effect.succeed(answer)
        while (++current < run.hooks.length) {
          const next = this.call(run, current)
          if (isEffect(next)) {
            deadline?.move(timeoutOf())
            return Effect.flatMap(provided(next), goOn)
          }
          if (this.decides(run, next)) return Effect.succeed(next)
        }
        return Effect.succeed(undefined)
      }
      const child = Effect.runForkWith(context)(Effect.flatMap(provided(out), goOn))

      const settle = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<Answer, Rejected | ConnectError> => {
        if (Exit.isSuccess(exit)) return exit as Exit.Exit<Answer>
        if (run.attempt?.isAborted === true) return endpointClosed()
        return this.rejected(run, Math.min(current, run.hooks.length - 1), exit.cause, isLate)
      }
      const exit = child.pollUnsafe()
      if (exit !== undefined) return resume(settle(exit))

      deadline = this.deadlines.after(timeoutOf(), () => {
        isLate = true
        child.interruptUnsafe()
      })
      if (run.attempt !== undefined) run.attempt.onAbort = () => child.interruptUnsafe()
      const done = (): void => {
        deadline?.cancel()
        if (run.attempt !== undefined) run.attempt.onAbort = undefined
      }
      child.addObserver((ended) => {
        done()
        resume(settle(ended))
      })
      return Effect.suspend(() => {
        done()
        return Fiber.interrupt(child)
      })
    })
  }

  /** The caller's context, the endpoint's services over it, and the scope of the point. */
  private contextOf(run: Run, caller: Context.Context<never>): Context.Context<never> {
    if (this.lastCaller !== caller) {
      this.lastCaller = caller
      this.lastMerged = Context.add(this.environment.over(caller), Dial, this.dial)
    }
    return Context.add(this.lastMerged, Scope.Scope, run.scope())
  }

  private rejected(
    run: Run,
    index: number,
    cause: Cause.Cause<unknown>,
    isLate: boolean
  ): Effect.Effect<Answer, Rejected> {
    const interceptor = run.hooks[index]!.name
    const { hook } = run
    // The end of a connection cannot be rejected.
    const fail = (reject: Reject): Effect.Effect<Answer, Rejected> =>
      hook === "onClose" ? Effect.succeed(undefined) : Effect.fail(new Rejected({ hook, interceptor, reject }))
    if (isLate) return fail(hookTimedOut)
    const failure = cause.reasons.find(Cause.isFailReason)?.error
    // A hook that interrupts itself has not said yes either.
    if (failure instanceof Reject && !Cause.hasDies(cause)) return fail(failure)
    const { name } = this.environment
    const origin = { part: "endpoint", composite: name, interceptor, annotations: {} } as const
    return Effect.andThen(
      logDefect(`The hook "${interceptor}" of "${name}" died in ${run.hook}`, cause, origin),
      fail(internalError)
    )
  }
}
