/**
 * Faults of concurrency, two of each kind, that the sweeps and simulations must catch. Each is a small change of a source, as somebody might make it by mistake.
 *
 * Whoever rewrites the place of a fault plants the same fault in the new code: `faults.test.ts` fails until it applies.
 */
import type { Mutation } from "../mutation/Mutations.ts"

/** The ten ways in which concurrent code goes wrong. */
export const kinds = [
  "acquire and register swapped",
  "an uninterruptible dropped",
  "check and count split",
  "a wake-up forgotten",
  "a Deferred completed by nobody or twice",
  "a finalizer registered after a yield",
  "a lock held across a fork",
  "a counter given back twice",
  "a stale snapshot written back",
  "an interruption swallowed"
] as const

/** A fault of concurrency. */
export interface Fault extends Mutation {
  readonly kind: (typeof kinds)[number]
  readonly part: "app" | "channel" | "client" | "endpoint"
  /** The sweeps and simulations that guard the place: at least one of them must catch the fault. */
  readonly guards: readonly [string, ...ReadonlyArray<string>]
}

const app: ReadonlyArray<Fault> = [
  {
    kind: "acquire and register swapped",
    fault: "a request is counted as in flight before its end is registered",
    part: "app",
    guards: ["a host's request at the gate"],
    file: "src/app/AnyHost.ts",
    search: "Effect.acquireRelease(entered, () => left),",
    replace: "Effect.andThen(entered, Effect.addFinalizer(() => left)),"
  },
  {
    kind: "a wake-up forgotten",
    fault: "the previews' job closes its latch after the look, so that a link posted in between waits for the next one",
    part: "app",
    guards: ["harbour previews while messages come"],
    file: "examples/harbour/Previews.ts",
    search: "yield* awake.close\n          const link = yield* storage.beginPreview(after)",
    replace: "const link = yield* storage.beginPreview(after)\n          yield* awake.close"
  },
  {
    kind: "a finalizer registered after a yield",
    fault: "the counter of active requests is lowered by a finalizer that comes an operation late",
    part: "app",
    guards: ["app metrics"],
    file: "src/core/Metering.ts",
    search: "Held.scoped(",
    replace:
      "((take: any, giveBack: any) => Effect.andThen(Effect.sync(take), Effect.andThen(Effect.yieldNow, Effect.addFinalizer((exit) => Effect.sync(() => giveBack(undefined, exit))))))("
  },
  {
    kind: "a counter given back twice",
    fault: "a request that is interrupted at the gate leaves twice",
    part: "app",
    guards: ["a host's request at the gate"],
    file: "src/app/AnyHost.ts",
    search: "const waiting = Effect.andThen(Effect.interruptible(gate.await), handler!)",
    replace:
      "const waiting = Effect.onInterrupt(Effect.andThen(Effect.interruptible(gate.await), handler!), () => left)"
  }
]

const channel: ReadonlyArray<Fault> = [
  {
    kind: "acquire and register swapped",
    fault: "a subscription is attached before its end is registered",
    part: "channel",
    guards: ["channel subscribe"],
    file: "src/channel/Broadcaster.ts",
    search: "yield* Effect.acquireRelease(",
    replace:
      "yield* ((attach: any, detach: any) => Effect.flatMap(attach, (attached) => Effect.addFinalizer(() => detach(attached))))("
  },
  {
    kind: "an uninterruptible dropped",
    fault: "the end of a socket can be interrupted",
    part: "channel",
    guards: ["channel connect", "channel join"],
    file: "src/channel/engine/Socket.ts",
    search: "const begun = restore(Effect.suspend(() => life.begin(carry)))",
    replace:
      "const begun = Effect.interruptible(Effect.suspend(() => life.begin(carry)))\n      if (true) return Effect.interruptible(Effect.flatMap(Effect.exit(begun), (exit) => life.left(exit)))"
  },
  {
    kind: "a wake-up forgotten",
    fault: "the messages after one that was handled in a fiber are not handled",
    part: "channel",
    guards: ["channel event"],
    file: "src/channel/engine/Lane.ts",
    search: "          this.run(onExit(exit))\n          this.pump()\n        })",
    replace: "          this.run(onExit(exit))\n        })"
  },
  {
    kind: "a lock held across a fork",
    fault: "a topic whose handler was interrupted stays busy",
    part: "channel",
    guards: ["channel event", "channel leave"],
    file: "src/channel/engine/Lane.ts",
    search: "fiber.addObserver((exit) => {\n          this.fiber = undefined\n",
    replace:
      'fiber.addObserver((exit) => {\n          this.fiber = undefined\n          if (exit._tag === "Failure") return\n'
  },
  {
    kind: "an interruption swallowed",
    fault: "the end of a socket does not interrupt the handler that runs",
    part: "channel",
    guards: ["channel event whose handler runs when the socket ends"],
    file: "src/channel/engine/Lane.ts",
    search: "    fiber?.interruptUnsafe()\n",
    replace: '    if (task._tag !== "End") fiber?.interruptUnsafe()\n'
  }
]

const client: ReadonlyArray<Fault> = [
  {
    kind: "an uninterruptible dropped",
    fault: "a caller can be interrupted between joining a flight and registering that it leaves",
    part: "client",
    guards: ["core a flight", "core a flight that another caller waits for"],
    file: "src/core/Held.ts",
    search:
      "return Effect.callback((resume) => {\n      const present = this.flights.get(key)\n      const flight = present ?? { waiting: new Set(), fiber: undefined }\n      flight.waiting.add(resume)\n      if (present === undefined) this.start(key, flight, work)\n      return Effect.suspend(() => this.leave(key, flight, resume))\n    })",
    replace:
      "const begun = Effect.sync((): any => {\n      const present = this.flights.get(key)\n      const flight: any = present ?? { waiting: new Set(), fiber: undefined }\n      if (present === undefined) this.start(key, flight, work)\n      return flight\n    })\n    return Effect.flatMap(Effect.tap(begun, () => Effect.void), (flight) =>\n      Effect.callback((resume) => {\n        flight.waiting.add(resume)\n        return Effect.suspend(() => this.leave(key, flight, resume))\n      })\n    )"
  },
  {
    kind: "check and count split",
    fault: "two callers may both see that no refresh is under way",
    part: "client",
    guards: ["client refresh of two callers", "client refresh of ten at once"],
    file: "src/client/handlers/Refresh.ts",
    search:
      "        Effect.suspend(() => {\n          if (flight !== undefined) return restore(Deferred.await(flight))",
    replace:
      "        Effect.flatMap(Effect.map(Effect.sync(() => flight), (seen) => [seen]), ([seen]) => {\n          if (seen !== undefined) return restore(Deferred.await(seen))"
  },
  {
    kind: "a Deferred completed by nobody or twice",
    fault: "a refresh that fails completes nobody",
    part: "client",
    guards: ["client refresh that fails"],
    file: "src/client/handlers/Refresh.ts",
    search: "        return Deferred.done(\n",
    replace: '        if (exit._tag === "Failure") return Effect.void\n        return Deferred.done(\n'
  },
  {
    kind: "a lock held across a fork",
    fault: "the jar takes its permit, and the fiber that it forks gives it back",
    part: "client",
    guards: ["client CookieJar store"],
    file: "src/client/handlers/CookieEntries.ts",
    search: "oneAtATime.withPermit(",
    replace:
      "((work: any) => Effect.flatMap(Effect.andThen(oneAtATime.take(1), Effect.forkChild(Effect.ensuring(work, oneAtATime.release(1)))), (fiber: any) => Effect.callback((resume: any) => void fiber.addObserver(resume))))("
  },
  {
    kind: "a counter given back twice",
    fault: "a caller that is interrupted ends the flight that another waits for",
    part: "client",
    guards: ["core a flight that another caller waits for", "client dedupe beside another caller"],
    file: "src/core/Held.ts",
    search: "if (flight.waiting.size > 0 || this.flights.get(key) !== flight) return Effect.void",
    replace: "if (this.flights.get(key) !== flight) return Effect.void"
  },
  {
    kind: "a stale snapshot written back",
    fault: "cookies are stored into the jar as it was an operation ago",
    part: "client",
    guards: ["client CookieJar of callers at once"],
    file: "src/client/handlers/CookieJar.ts",
    search: "Effect.map(Clock.currentTimeMillis, (now) => changed(memory.store(url, lines, now, context)))",
    replace:
      "Effect.map(Effect.map(Clock.currentTimeMillis, (now) => [now, (memory as any).cookies] as const), ([now, seen]) => {\n          ;(memory as any).cookies = seen\n          changed(memory.store(url, lines, now, context))\n        })"
  },
  {
    kind: "an interruption swallowed",
    fault: "the attempts of a hedged call go on when its caller is interrupted",
    part: "client",
    guards: ["client hedge and its attempts"],
    file: "src/client/handlers/Hedge.ts",
    search: "Exit.isSuccess(exit) ? Effect.asVoid(Effect.forkDetach(loseAll, atOnce)) : loseAll",
    replace:
      "Exit.isSuccess(exit) ? Effect.asVoid(Effect.forkDetach(loseAll, atOnce)) : Exit.hasInterrupts(exit) ? Effect.void : loseAll"
  }
]

const endpoint: ReadonlyArray<Fault> = [
  {
    kind: "check and count split",
    fault: "two callers may both begin to close an endpoint",
    part: "endpoint",
    guards: ["endpoint close by two", "endpoint close"],
    file: "src/endpoint/engine/Engine.ts",
    search:
      "        this.isOpen = false\n        this.parts.accepted.finish(Exit.fail(Cause.Done()))\n        for (const attempt of this.attempts) attempt.abort()\n        return (this.bound?.close ?? Effect.void).pipe(",
    replace:
      "        return Effect.andThen(Effect.yieldNow, Effect.suspend(() => {\n          this.isOpen = false\n          this.parts.accepted.finish(Exit.fail(Cause.Done()))\n          for (const attempt of this.attempts) attempt.abort()\n          return this.bound?.close ?? Effect.void\n        })).pipe("
  },
  {
    kind: "a Deferred completed by nobody or twice",
    fault: "nobody hears that an endpoint has closed",
    part: "endpoint",
    guards: ["endpoint close by two", "endpoint close"],
    file: "src/endpoint/engine/Engine.ts",
    search: "              Deferred.doneUnsafe(this.closedDeferred, Exit.void)\n",
    replace: ""
  },
  {
    kind: "a finalizer registered after a yield",
    fault: "a stream is open before its end is registered",
    part: "endpoint",
    guards: ["endpoint streamLimit", "endpoint open stream"],
    file: "src/endpoint/engine/Connected.ts",
    search: "    return source.take((stream) => {\n      const finalize",
    replace:
      "    const taken = (keep: (stream: A) => void) => Effect.tap(source.take(() => {}), (stream) => Effect.andThen(Effect.interruptible(Effect.yieldNow), Effect.sync(() => keep(stream))))\n    return taken((stream) => {\n      const finalize"
  },
  {
    kind: "a stale snapshot written back",
    fault: "a stream counts from the number as it was an operation ago",
    part: "endpoint",
    guards: ["endpoint streamLimit of twenty at once"],
    file: "src/endpoint/hooks/StreamLimit.ts",
    search:
      "Effect.asVoid(\n          Held.scoped(\n            () => {\n              const count = counts.get(connection) ?? 0\n",
    replace:
      "Effect.flatMap(Effect.tap(Effect.sync(() => counts.get(connection) ?? 0), () => Effect.yieldNow), (count) =>\n          Held.scoped(\n            () => {\n"
  }
]

export const faults: ReadonlyArray<Fault> = [...app, ...channel, ...client, ...endpoint]
