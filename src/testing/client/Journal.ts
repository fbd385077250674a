/**
 * Which handlers of which chains ran, and how they ended: one listener to the `Probe`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"

import * as Probe from "../../core/Probe.ts"

/**
 * The result of a program, and the steps of the client handlers in it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Observed<out A, out E> {
  readonly exit: Exit.Exit<A, E>
  /** The end of every method of a handler that ran, and of every request over the network, in that order. A chain's own `flow` is left out. */
  readonly journal: ReadonlyArray<Probe.Event>
}

/**
 * Runs a program and writes down what the handlers of all its chains did.
 *
 * **Example** (The network is not reached)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { HttpClientRequest, HttpClientResponse } from "effect/http"
 * import { ClientChain, ClientHandler } from "fairlead/client"
 * import { TestClient } from "fairlead/testing/client"
 *
 * const offline = ClientHandler.make("offline", {
 *   run: ({ request }) => ClientHandler.halt(HttpClientResponse.fromWeb(request, new Response("cached")))
 * })
 * const client = ClientChain.make("api").use(offline).pipe(ClientChain.over(TestClient.make().client))
 *
 * const program = Effect.gen(function*() {
 *   const { journal } = yield* TestClient.observe(client.execute(HttpClientRequest.get("https://api.test/")))
 *   return TestClient.journalLines(journal) // ["run offline: halt"]
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const observe = <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<Observed<A, E>, never, R> =>
  Effect.gen(function* () {
    const journal: Array<Probe.Event> = []
    const outer = yield* Probe.Probe
    const probe: Probe.Probe = {
      report(event) {
        outer?.report(event)
        if (event.part === "client" && event.type === "end" && event.phase !== "flow") journal.push(event)
      }
    }
    const exit = yield* Effect.exit(Effect.provideService(program, Probe.Probe, probe))
    return { exit, journal }
  })

/**
 * A journal as lines such as `afterResponse retry: recovered` or `network: failure HttpClientError`, for comparisons.
 *
 * @category getters
 * @since 0.1.0
 */
export const journalLines = (journal: ReadonlyArray<Probe.Event>): ReadonlyArray<string> =>
  journal.map(({ errorType, interceptor, outcome, phase }) => {
    const who = phase === interceptor ? phase : `${phase} ${interceptor}`
    return errorType === undefined ? `${who}: ${outcome}` : `${who}: ${outcome} ${errorType}`
  })
