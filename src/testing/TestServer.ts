/**
 * Runs a pipeline on requests without a socket: the response as a client sees it, and the journal of the stages that ran.
 *
 * Only the transport is removed: requests and responses go through Effect's own conversion, unhandled failures become responses as
 * in a server, and the request's scope closes when the body has been read.
 *
 * **Example** (Swapping a middleware)
 *
 * ```ts
 * import { Context, Effect, Schema } from "effect"
 * import { HttpServerResponse } from "effect/http"
 * import { Middleware, Pipeline } from "fairlead/server"
 * import { TestServer } from "fairlead/testing/server"
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
 *   const server = yield* TestServer.make(app, Authenticate.layer(Middleware.before("denied", CurrentUser, () => Effect.fail(new Denied()))))
 *   const reply = yield* server.get("/")
 *   TestServer.expect(reply, { status: 401, ran: ["app/Authenticate"], skipped: ["handler"] })
 * })
 * ```
 *
 * @since 0.1.0
 */
import * as Arr from "effect/Array"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Cookies from "effect/http/Cookies"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Socket from "effect/socket/Socket"
import * as Stream from "effect/Stream"

import type { Ambient, App, IsApp } from "../server/HttpTypes.ts"
import { terminal } from "../server/Terminal.ts"
import { makeJar } from "./CookieJar.ts"
import { handle, replyOf, toRequest, verbs } from "./MemoryExchange.ts"
import type { Handled, Reply, RequestOptions, TestServer } from "./MemoryExchange.ts"
import { makePair, upgradable } from "./SocketPair.ts"

export type { Reply, RequestOptions, TestServer } from "./MemoryExchange.ts"

type Needs<A> = Exclude<Effect.Services<A>, Ambient>

/**
 * Options of `make`.
 *
 * @category models
 * @since 0.1.0
 */
export interface MakeOptions<O = never, E = never, R = never> {
  /** Services in the place of the layer's; they may use those of the layer. */
  readonly overrides?: Layer.Layer<O, E, R>
  /** Whether cookies that replies set are sent with later requests; a request's own `cookie` header replaces them. Default: true. */
  readonly cookies?: boolean
  /** The origin that paths are resolved against; cookies marked Secure are sent with `https:` alone. Default: `http://test`. */
  readonly origin?: string
}

/**
 * Sends requests to one app in memory, keeps its cookies, and opens streams and sockets.
 *
 * @category models
 * @since 0.1.0
 */
export interface MemoryServer extends TestServer {
  /** The kept cookies, in the order in which they were first set. */
  readonly cookies: Effect.Effect<ReadonlyArray<Cookies.Cookie>>
  /** Sends a request and returns its response with the body as a stream, which may be endless. The end of the scope hangs up. */
  readonly open: (
    method: string,
    path: string,
    options?: RequestOptions
  ) => Effect.Effect<OpenReply, never, Scope.Scope>
  /** Sends an upgrade request: the client's end of the socket, or the reply of a handler that did not upgrade. The end of the scope hangs up. */
  readonly upgrade: (path: string, options?: RequestOptions) => Effect.Effect<Socket.Socket, Reply, Scope.Scope>
}

/**
 * A response whose body is read in part.
 *
 * @category models
 * @since 0.1.0
 */
export interface OpenReply extends Pick<Reply, "status" | "headers" | "exit" | "journal"> {
  readonly body: Stream.Stream<Uint8Array>
}

/**
 * Makes a server for `app`. The layer provides its services and is built once, in the current scope. Services of neither come from the context.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = <A, LO = never, LE = never, LR = never, OO = never, OE = never, OR = never>(
  app: A & IsApp<A>,
  layer?: Layer.Layer<LO, LE, LR>,
  options: MakeOptions<OO, OE, OR> = {}
): Effect.Effect<MemoryServer, LE | OE, Scope.Scope | LR | Exclude<OR, LO> | Exclude<Needs<A>, LO | OO>> =>
  Effect.gen(function* () {
    const { cookies, origin = "http://test", overrides } = options
    // Without a layer there is nothing that it provides.
    const base = (layer ?? Layer.empty) as Layer.Layer<LO, LE, LR>
    const services = yield* Layer.build(overrides === undefined ? base : Layer.provideMerge(overrides, base))
    const context = Context.merge(yield* Effect.context<Exclude<Needs<A>, LO | OO>>(), services)
    const served = terminal(app as App)
    const jar = cookies === false ? undefined : makeJar()
    const exchange = <A extends { readonly headers: Headers }>(
      method: string,
      path: string,
      given: RequestOptions | undefined,
      run: (request: globalThis.Request) => Effect.Effect<A>
    ): Effect.Effect<A> =>
      Effect.suspend(() => {
        const request = toRequest(method, path, given, origin)
        const answered = Effect.provideContext(run(request), context)
        return jar === undefined ? answered : jar.around(request, answered)
      })
    return {
      ...verbs((method, path, given) =>
        exchange(method, path, given, (request) => Effect.flatMap(handle(served, request), replyOf))
      ),
      cookies: jar === undefined ? Effect.succeed([]) : jar.cookies,
      open: (method, path, given) =>
        exchange(method, path, given, (request) => Effect.map(handle(served, request), openReply)).pipe(
          Effect.tap(({ hangUp }) => Effect.addFinalizer(() => hangUp))
        ),
      upgrade: (path, given) => upgrade(path, given, exchange, served)
    } satisfies MemoryServer
  })

const openReply = ({ exit, journal, web }: Handled): OpenReply & { readonly hangUp: Effect.Effect<void> } => {
  const reader = web.body?.getReader()
  const pull = Effect.flatMap(
    Effect.promise(async () => reader?.read()),
    (part) => (part?.value === undefined ? Cause.done() : Effect.succeed(Arr.of(part.value)))
  )
  return {
    status: web.status,
    headers: web.headers,
    exit,
    journal,
    body: Stream.fromPull(Effect.succeed(pull)),
    // A body that failed has ended already.
    hangUp: Effect.ignore(Effect.tryPromise(async () => reader?.cancel()))
  }
}

type Exchange = <A extends { readonly headers: Headers }>(
  method: string,
  path: string,
  options: RequestOptions | undefined,
  run: (request: globalThis.Request) => Effect.Effect<A>
) => Effect.Effect<A>

const upgrade = (
  path: string,
  options: RequestOptions | undefined,
  exchange: Exchange,
  served: App
): Effect.Effect<Socket.Socket, Reply, Scope.Scope> =>
  Effect.gen(function* () {
    const pair = yield* makePair
    const accepted = yield* Deferred.make<void>()
    const headers = { connection: "upgrade", upgrade: "websocket", ...options?.headers }
    const accept = Effect.as(Deferred.succeed(accepted, undefined), pair.server)
    const handled = exchange("GET", path, { ...options, headers }, (request) =>
      Effect.flatMap(
        handle(served, request, (incoming) => upgradable(incoming, accept)),
        replyOf
      )
    )
    const answer = yield* Effect.forkScoped(Effect.ensuring(handled, pair.close(1000)))
    yield* Effect.addFinalizer(() => pair.close(1001))
    const refused = Effect.flatMap(Fiber.join(answer), Effect.fail)
    return yield* Effect.as(Effect.raceFirst(Deferred.await(accepted), refused), pair.client)
  })

/**
 * The expectations of `expect`. Omitted members are not compared.
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
 * Throws an `Error` that lists every difference between the reply and the expectations, with the journal.
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
  throw new Error([...differences, "journal:", ...journalLines(reply.journal)].join("\n  "))
}

/**
 * The journal as lines such as `before authenticate: failure Unauthorized`, for snapshots.
 *
 * @category getters
 * @since 0.1.0
 */
export const journalLines = (journal: Reply["journal"]): ReadonlyArray<string> =>
  journal.map(({ errorType, interceptor, outcome, phase }) =>
    [`${phase} ${interceptor}:`, outcome, ...(errorType === undefined ? [] : [errorType])].join(" ")
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
