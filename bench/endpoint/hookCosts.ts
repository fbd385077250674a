/**
 * The CPU time of a hook in a chain of ten, at one point, in a separate process: `node hookCosts.ts '{"rounds":…,"dials":…}' [ROOT]`, where ROOT is another checkout to
 * measure, such as one from before a change. Sends its samples to its parent.
 *
 * A dial to oneself passes `beforeConnect` and fails before the first packet, so that hooks are most of its cost. Chains of none and of ten are measured in turns, so that
 * a busy machine changes both alike.
 */
import { join } from "node:path"
import { pathToFileURL } from "node:url"

import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"

import { kinds } from "./Names.ts"

export interface HookCostOptions {
  readonly rounds: number
  readonly dials: number
}

/** CPU microseconds for one hook, one sample a round. */
export interface HookCost {
  readonly kind: string
  readonly micros: ReadonlyArray<number>
}

const { dials, rounds } = JSON.parse(process.argv[2] ?? "") as HookCostOptions
process.on("disconnect", () => process.exit())

const root = process.argv[3] ?? join(import.meta.dirname, "../..")
const load = (path: string): Promise<any> => import(pathToFileURL(join(root, "src", path)).href)
const [endpoint, testing] = [await load("endpoint/index.ts"), await load("testing/endpoint.ts")]
// Names of before the vocabulary.
const alpn = (endpoint.Alpn?.fromString ?? endpoint.Identity.alpn)("bench/1")
const network = (testing.TestEndpoint?.layer ?? testing.layer)()

const depth = 10

const nothing = (): Promise<void> => Promise.resolve()
const hooks: Readonly<Record<string, () => unknown>> = {
  [kinds.plain]: () => undefined,
  [kinds.synchronous]: () => Effect.sync(() => {}),
  [kinds.suspending]: () => Effect.promise(nothing)
}

const scope = Scope.makeUnsafe()
const context = await Effect.runPromise(Layer.buildWithScope(network as Layer.Layer<any>, scope))

/** Dials again and again; returns the CPU time of one dial in µs. */
const dialling = async (hook: () => unknown, count: number): Promise<() => Promise<number>> => {
  const chain = Array.from({ length: count }).reduce(
    (all: any, _, index) => all.use(endpoint.EndpointHooks.make(`hook ${index}`, { beforeConnect: () => hook() })),
    endpoint.HookChain.make("bench")
  )
  const made = endpoint.Endpoint.make({ alpns: [], hooks: chain }) as Effect.Effect<any, unknown, Scope.Scope>
  const dialer = await Effect.runPromise(
    made.pipe(Effect.provideService(Scope.Scope, scope), Effect.provideContext(context))
  )
  const dial = Effect.scoped(Effect.ignore(dialer.connect(dialer.addr, alpn) as Effect.Effect<unknown>))
  return async () => {
    let left = dials
    const used = process.cpuUsage()
    await Effect.runPromise(Effect.whileLoop({ while: () => left-- > 0, body: () => dial, step: () => {} }))
    const { system, user } = process.cpuUsage(used)
    return (user + system) / dials
  }
}

const costs: Array<HookCost> = []
for (const [kind, hook] of Object.entries(hooks)) {
  const [none, ten] = [await dialling(hook, 0), await dialling(hook, depth)]
  for (let warm = 0; warm < 5; warm++) await none().then(ten)
  const micros: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const flat = await none()
    micros.push(((await ten()) - flat) / depth)
  }
  costs.push({ kind, micros })
}
process.send?.(costs)
