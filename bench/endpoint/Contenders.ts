/** A connect over the memory network, through hooks of the dialer. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

import { Alpn, Endpoint, EndpointHooks, HookChain } from "../../src/endpoint/index.ts"
import { TestEndpoint } from "../../src/testing/endpoint.ts"
import { copiesOf, telling } from "../Copying.ts"
import type { Run } from "../Evaluation.ts"
import type { Contender } from "../Sampling.ts"
import { protocol } from "./Contender.ts"
import * as names from "./Names.ts"
import type * as Module from "./NoOp.ts"

type NoOp = typeof Module

export const freshCopies = copiesOf<NoOp>(new URL("NoOp.ts", import.meta.url))

/** The same hook, telling `ran` at each run of its two points. */
export const counting = (hook: NoOp, ran: () => void): NoOp => {
  const tell = telling(ran)
  return {
    before: tell(hook.before),
    after: tell(hook.after),
    beforeExit: tell(hook.beforeExit),
    afterExit: tell(hook.afterExit),
    beforeSync: tell(hook.beforeSync),
    afterSync: tell(hook.afterSync),
    beforeSuspending: tell(hook.beforeSuspending),
    afterSuspending: tell(hook.afterSuspending)
  }
}

const alpn = Alpn.fromString(protocol)

const scope = Scope.makeUnsafe()

/** Two endpoints for as long as the process: the acceptor admits all, and drops them. */
const connecting = async (hooks: HookChain.HookChain<never>): Promise<Run> => {
  const made = Effect.gen(function* () {
    // A batch of dials runs in one fiber, and the fiber that accepts runs after it.
    const acceptor = yield* Endpoint.make({ alpns: [alpn], maxPending: 1_000_000 })
    yield* Effect.forkIn(Stream.runDrain(acceptor.incoming), scope)
    return { acceptor, dialer: yield* Endpoint.make({ alpns: [], hooks }) }
  })
  const context = await Effect.runPromise(Layer.buildWithScope(TestEndpoint.layer(), scope))
  const { acceptor, dialer } = await Effect.runPromiseWith(Context.add(context, Scope.Scope, scope))(made)
  const connect = Effect.scoped(dialer.connect(acceptor.addr, alpn))
  return async (times) => {
    let left = times
    let remote: string | undefined
    await Effect.runPromise(
      Effect.whileLoop({
        while: () => left-- > 0,
        body: () => connect,
        step: ({ remoteId }) => {
          remote = remoteId
        }
      })
    )
    if (remote !== acceptor.id) throw new Error(`Connected to ${remote}.`)
  }
}

type Hook = () => void | Effect.Effect<void>

const contender = (
  name: string,
  hooks: (noOp: NoOp) => { readonly beforeConnect: Hook; readonly afterHandshake: Hook }
): Contender<NoOp> => ({
  name,
  depths: names.depths,
  make: (noOps) =>
    connecting(
      noOps.reduce(
        (chain, noOp, index) => chain.use(EndpointHooks.make(`hook ${index}`, hooks(noOp))),
        HookChain.make("bench")
      )
    )
})

export const contenders: ReadonlyArray<Contender<NoOp>> = [
  contender(names.plain, ({ after, before }) => ({ beforeConnect: before, afterHandshake: after })),
  contender(names.exit, ({ afterExit, beforeExit }) => ({ beforeConnect: beforeExit, afterHandshake: afterExit })),
  contender(names.sync, ({ afterSync, beforeSync }) => ({ beforeConnect: beforeSync, afterHandshake: afterSync })),
  contender(names.suspending, ({ afterSuspending, beforeSuspending }) => ({
    beforeConnect: beforeSuspending,
    afterHandshake: afterSuspending
  }))
]
