/**
 * Runs hooks: in order, each within its time-out, the first rejection last. Internal to the endpoint part.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"

import { isEffect, isExit } from "../../core/Effects.ts"
import * as Interceptor from "../../core/Interceptor.ts"
import type * as Probe from "../../core/Probe.ts"
import { Watch } from "../../core/Watch.ts"
import type { Info, Stats } from "../Connection.ts"
import { Dial } from "../EndpointHooks.ts"
import type { Admission, HooksValue, Opening, Remote } from "../EndpointHooks.ts"
import { LocallyRejected, Reject } from "../Errors.ts"
import type { CloseReason, Stage } from "../Errors.ts"
import type { Bound } from "../HookChain.ts"
import { CloseCode } from "../Identity.ts"
import type { Alpn, EndpointAddr } from "../Identity.ts"

type Hook = Exclude<keyof HooksValue, "name" | "timeout">

type Having<K extends Hook> = Bound & { readonly hooks: { readonly [X in K]-?: NonNullable<HooksValue[X]> } }

const having = <K extends Hook>(all: ReadonlyArray<Bound>, hook: K): ReadonlyArray<Having<K>> =>
  all.filter((bound): bound is Having<K> => bound.hooks[hook] !== undefined)

const timedOut = new Reject({ reason: "the hook took too long" })

/** The hooks of an endpoint, and how they are run. */
export class Gate {
  private readonly name: string
  private readonly probe: Probe.Probe | undefined
  private readonly clock: Clock.Clock
  private readonly dial: Dial["Service"]
  private readonly connecting: ReadonlyArray<Having<"beforeConnect">>
  private readonly accepting: ReadonlyArray<Having<"beforeAccept">>
  private readonly shaken: ReadonlyArray<Having<"afterHandshake">>
  private readonly opening: ReadonlyArray<Having<"onStreamOpen">>
  private readonly closing: ReadonlyArray<Having<"onClose">>

  constructor(
    name: string,
    hooks: ReadonlyArray<Bound>,
    probe: Probe.Probe | undefined,
    clock: Clock.Clock,
    dial: Dial["Service"]
  ) {
    this.name = name
    this.probe = probe
    this.clock = clock
    this.dial = dial
    this.connecting = having(hooks, "beforeConnect")
    this.accepting = having(hooks, "beforeAccept")
    this.shaken = having(hooks, "afterHandshake")
    this.opening = having(hooks, "onStreamOpen")
    this.closing = having(hooks, "onClose")
  }

  beforeConnect(addr: EndpointAddr, alpn: Alpn, scope: Scope.Scope): Effect.Effect<void, LocallyRejected> {
    return this.all(this.connecting, "beforeConnect", scope, ({ beforeConnect }) => beforeConnect(addr, alpn))
  }

  afterHandshake(connection: Info, scope: Scope.Scope): Effect.Effect<void, LocallyRejected> {
    return this.all(this.shaken, "afterHandshake", scope, ({ afterHandshake }) => afterHandshake(connection))
  }

  onStreamOpen(connection: Info, stream: Opening, scope: Scope.Scope): Effect.Effect<void, LocallyRejected> {
    if (this.opening.length === 0) return Effect.void
    // What the hooks acquire ends with the stream, or with its rejection.
    return Effect.flatMap(Scope.fork(scope), (own) =>
      Effect.onError(
        this.all(this.opening, "onStreamOpen", own, ({ onStreamOpen }) => onStreamOpen(connection, stream)),
        (cause) => Scope.close(own, Exit.failCause(cause))
      )
    )
  }

  /** The first that does not accept decides. */
  beforeAccept(remote: Remote, scope: Scope.Scope): Effect.Effect<Admission> {
    const ask = (index: number): Effect.Effect<Admission> => {
      const bound = this.accepting[index]
      if (bound === undefined) return Effect.succeed("accept")
      return this.one(bound, "beforeAccept", scope, () => bound.hooks.beforeAccept(remote)).pipe(
        Effect.flatMap((admission) =>
          admission === undefined || admission === "accept" ? ask(index + 1) : Effect.succeed(admission as Admission)
        ),
        Effect.orElseSucceed(() => "refuse" as const)
      )
    }
    return ask(0)
  }

  /** Every hook hears of it, whatever becomes of the others. */
  onClose(connection: Info, reason: CloseReason, stats: Stats): Effect.Effect<void> {
    return Effect.forEach(
      this.closing,
      (bound) =>
        Effect.scopedWith((scope) =>
          Effect.ignore(this.one(bound, "onClose", scope, () => bound.hooks.onClose(connection, reason, stats)))
        ),
      { discard: true }
    )
  }

  private all<B extends Bound>(
    hooks: ReadonlyArray<B>,
    stage: Stage,
    scope: Scope.Scope,
    run: (hooks: B["hooks"]) => unknown
  ): Effect.Effect<void, LocallyRejected> {
    const next = (from: number): Effect.Effect<void, LocallyRejected> => {
      for (let index = from; index < hooks.length; index++) {
        const bound = hooks[index]!
        const asked = this.one(bound, stage, scope, () => run(bound.hooks))
        if (isExit(asked) && Exit.isSuccess(asked)) continue
        return Effect.flatMap(
          Effect.mapError(
            asked,
            ({ cause, code, reason }) =>
              new LocallyRejected({ stage, hook: bound.hooks.name, code, text: reason, cause })
          ),
          () => next(index + 1)
        )
      }
      return Effect.void
    }
    return hooks.length === 0 ? Effect.void : Effect.suspend(() => next(0))
  }

  /** One hook: what answers at once costs no fiber; what dies rejects, and is logged. */
  private one(
    { built, hooks }: Bound,
    phase: string,
    scope: Scope.Scope,
    run: () => unknown
  ): Effect.Effect<unknown, Reject> {
    let out: unknown
    try {
      out =
        this.probe === undefined
          ? run()
          : new Watch("endpoint", this.name, this.probe, this.clock).around(hooks.name, phase, run)
    } catch (defect) {
      return this.died(hooks.name, phase, Cause.die(defect))
    }
    if (!isEffect(out)) return Exit.succeed(out)
    if (isExit(out) && Exit.isSuccess(out)) return out as Exit.Exit<unknown>
    // What a hook needs was taken when its layer was built.
    const provided = Effect.updateContext(out, (now: Context.Context<never>) =>
      Context.merge(now, built).pipe(Context.add(Scope.Scope, scope), Context.add(Dial, this.dial))
    ) as Effect.Effect<unknown, Reject>
    return provided.pipe(
      Effect.timeoutOrElse({ duration: hooks.timeout ?? "10 seconds", orElse: () => Effect.fail(timedOut) }),
      // A hook that interrupts itself has not said yes either; an interruption from outside passes here unseen.
      Effect.catchCauseIf(
        (cause) => Cause.hasDies(cause) || Cause.hasInterrupts(cause),
        (cause) => this.died(hooks.name, phase, cause)
      )
    )
  }

  private died(interceptor: string, phase: string, cause: Cause.Cause<unknown>): Effect.Effect<never, Reject> {
    const origin = { part: "endpoint", composite: this.name, interceptor, annotations: {} } as const
    return Effect.andThen(
      Effect.logError(
        `The hook "${interceptor}" of "${this.name}" died in ${phase}`,
        Interceptor.annotate(cause, origin)
      ),
      Effect.fail(new Reject({ code: CloseCode.make(500n), reason: "internal error" }))
    )
  }
}
