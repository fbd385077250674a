/**
 * Runs a pipeline on requests without a socket: the response as a client sees it, and the journal of the stages that ran.
 *
 * Only the transport is removed: requests and responses go through Effect's own conversion, failures that are left are turned into
 * responses as a server turns them, and the request's scope closes when the body has been read.
 *
 * **Example** (Swapping a middleware)
 *
 * ```ts
 * import { Context, Effect, Schema } from "effect"
 * import { HttpServerResponse } from "effect/http"
 * import { Middleware, Pipeline } from "fairlead/server"
 * import * as TestServer from "fairlead/testing/server"
 *
 * class CurrentUser extends Context.Service<CurrentUser, string>()("app/CurrentUser") {}
 * class Denied extends Schema.TaggedError<Denied>()("Denied", {}) {}
 * class Authenticate extends Middleware.Service<Authenticate>()("app/Authenticate", { provides: CurrentUser, error: Denied }) {}
 *
 * const app = Pipeline.make("hello")
 *   .before(Authenticate)
 *   .handle(Effect.map(CurrentUser, (name) => HttpServerResponse.text(`Hello, ${name}`)))
 *   .catchTag("Denied", () => HttpServerResponse.empty({ status: 401 }))
 *
 * const program = Effect.gen(function*() {
 *   const server = yield* TestServer.make(app, Authenticate.layer(Effect.fail(new Denied())))
 *   const reply = yield* server.get("/")
 *   TestServer.expect(reply, { status: 401, ran: ["app/Authenticate"], skipped: ["handler"] })
 * })
 * ```
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

import type { Ambient, App, IsApp } from "../server/Model.ts"
import { handle, replyOf, toRequest, verbs } from "./Exchange.ts"
import type { Reply, TestServer } from "./Exchange.ts"

export type { Reply, RequestOptions, TestServer } from "./Exchange.ts"

type Needs<A> = Exclude<Effect.Services<A>, Ambient>

/**
 * Makes a server for `app`. The layer gives its services and is built once, in the current scope; `overrides` replace some of them, and may
 * use what the layer gives. What neither gives comes from the context.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A, LO = never, LE = never, LR = never, OO = never, OE = never, OR = never>(
  app: A & IsApp<A>,
  layer?: Layer.Layer<LO, LE, LR>,
  overrides?: Layer.Layer<OO, OE, OR>
): Effect.Effect<TestServer, LE | OE, Scope.Scope | LR | Exclude<OR, LO> | Exclude<Needs<A>, LO | OO>> =>
  Effect.gen(function* () {
    const base = (layer ?? Layer.empty) as unknown as Layer.Layer<any, any, any>
    const services = yield* Layer.build(overrides === undefined ? base : Layer.provideMerge(overrides, base))
    const context: Context.Context<never> = Context.merge(yield* Effect.context(), services)
    const interruptible = Effect.interruptible(app as App)
    const send: TestServer["send"] = (method, path, options) =>
      Effect.provideContext(Effect.flatMap(handle(interruptible, toRequest(method, path, options)), replyOf), context)
    return verbs(send)
  }) as any

/**
 * What `expect` demands; what is left out is not looked at.
 *
 * @category assertions
 * @since 0.1.0
 */
export interface Expected {
  readonly status?: number
  /** These headers, exactly; `undefined` for a header that must be missing. */
  readonly headers?: Readonly<Record<string, string | undefined>>
  readonly text?: string
  /** These members of a JSON object body; others may be there. */
  readonly json?: Readonly<Record<string, unknown>>
  /** Names of interceptors that must have run, in this order; others may be between. */
  readonly ran?: ReadonlyArray<string>
  /** Names of interceptors that must not have run. */
  readonly skipped?: ReadonlyArray<string>
}

/**
 * Throws an `Error` that lists every difference between the reply and what is expected, with the journal.
 *
 * @category assertions
 * @since 0.1.0
 */
export const expect = (reply: Reply, expected: Expected): void => {
  const differences = [
    ...difference("status", reply.status, expected.status),
    ...Object.entries(expected.headers ?? {}).flatMap(([name, value]) => {
      const actual = reply.headers.get(name) ?? undefined
      return actual === value ? [] : [`header ${name}: expected ${show(value)}, got ${show(actual)}`]
    }),
    ...difference("text", reply.text, expected.text),
    ...jsonDifferences(reply, expected.json),
    ...journalDifferences(reply.journal, expected)
  ]
  if (differences.length === 0) return
  throw new Error([...differences, "journal:", ...journalLines(reply)].join("\n  "))
}

/**
 * The journal as lines such as `before authenticate: failure Unauthorized`, for snapshots.
 *
 * @category getters
 * @since 0.1.0
 */
export const journalLines = (reply: Reply): ReadonlyArray<string> =>
  reply.journal.map(({ interceptor, outcome, phase, tag }) =>
    [`${phase} ${interceptor}:`, outcome, ...(tag === undefined ? [] : [tag])].join(" ")
  )

const show = (value: unknown): string => (value === undefined ? "nothing" : JSON.stringify(value))

const difference = (what: string, actual: unknown, expected: unknown): ReadonlyArray<string> =>
  expected === undefined || actual === expected ? [] : [`${what}: expected ${show(expected)}, got ${show(actual)}`]

const jsonDifferences = (reply: Reply, expected: Expected["json"]): ReadonlyArray<string> => {
  if (expected === undefined) return []
  let body: Record<string, unknown>
  try {
    body = reply.json() as Record<string, unknown>
  } catch {
    return [`json: expected an object, got ${show(reply.text)}`]
  }
  return Object.entries(expected).flatMap(([name, value]) =>
    show(body?.[name]) === show(value) ? [] : [`json ${name}: expected ${show(value)}, got ${show(body?.[name])}`]
  )
}

const journalDifferences = (journal: Reply["journal"], { ran = [], skipped = [] }: Expected): ReadonlyArray<string> => {
  const names = journal.map((event) => event.interceptor)
  let from = 0
  const missing = ran.filter((name) => {
    const at = names.indexOf(name, from)
    if (at !== -1) from = at + 1
    return at === -1
  })
  return [
    ...missing.map((name) => `ran: expected ${show(name)} in the order ${show(ran)}`),
    ...skipped.filter((name) => names.includes(name)).map((name) => `skipped: ${show(name)} ran`)
  ]
}
