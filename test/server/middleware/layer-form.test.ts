/** Every ready-made middleware as a class whose implementation is a Layer, and mounted twice: it does the same. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Layer, Metric, Option, Redacted, Schema } from "effect"
import { HttpRouter, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Persistence, RateLimiter } from "effect/persistence"
import { InvalidOption, Reject } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"
import * as middleware from "fairlead/server/middleware"
import type { Session } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"

import { keepLogs } from "../Logs.ts"

const {
  AuthenticationError,
  IdempotencyStore,
  RequestId,
  RequestInput,
  RequestInputError,
  ServerLoad,
  SessionError,
  SessionStore
} = middleware

class User extends Context.Service<User, string>()("test/User") {}
class Input extends RequestInput<Input>()("test/Input", { query: Schema.Struct({ page: Schema.String }) }) {}
class Visitor extends Context.Service<Visitor, Session<number>>()("test/Visitor") {}

const before = { error: [Reject, HttpServerError.HttpServerError] } as const
class AddressList extends Middleware.Service<AddressList>()("test/AddressList", { error: Reject }) {}
class Authentication extends Middleware.Service<Authentication>()("test/Authentication", {
  provides: User,
  error: AuthenticationError
}) {}
class BodyLimit extends Middleware.Service<BodyLimit>()("test/BodyLimit", before) {}
class Csrf extends Middleware.Service<Csrf>()("test/Csrf", { error: Reject }) {}
class HostPolicy extends Middleware.Service<HostPolicy>()("test/HostPolicy", { error: Reject }) {}
class RateLimit extends Middleware.Service<RateLimit>()("test/RateLimit", { error: Reject }) {}
class RequestFirewall extends Middleware.Service<RequestFirewall>()("test/RequestFirewall", { error: Reject }) {}
class Validation extends Middleware.Service<Validation>()("test/Validation", {
  provides: Input,
  error: RequestInputError
}) {}
class SessionClass extends Middleware.Service<SessionClass>()("test/Session", {
  provides: Visitor,
  error: SessionError
}) {}
class ConcurrencyLimit extends Middleware.Service<ConcurrencyLimit>()("test/ConcurrencyLimit", { kind: "outer" }) {}
class LoadShed extends Middleware.Service<LoadShed>()("test/LoadShed", { kind: "outer" }) {}
class Conditional extends Middleware.Service<Conditional>()("test/Conditional", { kind: "outer" }) {}
class Cors extends Middleware.Service<Cors>()("test/Cors", { kind: "outer" }) {}
class Metrics extends Middleware.Service<Metrics>()("test/Metrics", { kind: "outer" }) {}
class RequestIds extends Middleware.Service<RequestIds>()("test/RequestIds", { kind: "outer", provides: RequestId }) {}
class Timeouts extends Middleware.Service<Timeouts>()("test/Timeouts", { kind: "outer" }) {}
class TrustedProxy extends Middleware.Service<TrustedProxy>()("test/TrustedProxy", { kind: "outer" }) {}
class DeadlineHeader extends Middleware.Service<DeadlineHeader>()("test/DeadlineHeader", { kind: "outer" }) {}
class ProblemDetails extends Middleware.Service<ProblemDetails>()("test/ProblemDetails", { kind: "sending" }) {}
class SecurityHeaders extends Middleware.Service<SecurityHeaders>()("test/SecurityHeaders", { kind: "sending" }) {}
class AccessLog extends Middleware.Service<AccessLog>()("test/AccessLog", { kind: "ended" }) {}

const ok = HttpServerResponse.text("ok")
const open = Pipeline.make("p")
const limiter = Layer.fresh(Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory))
const fullHeap = Layer.succeed(ServerLoad, { current: Effect.succeed({ eventLoopDelay: Duration.zero, heapRatio: 1 }) })
const store = Layer.fresh(Layer.provide(SessionStore.layer, Persistence.layerBackingMemory))

interface Row {
  /** The pipeline with the class, with the value, and with the value twice. */
  readonly apps: readonly [byClass: () => unknown, byValue: () => unknown, twice: () => unknown]
  readonly layer: unknown
  /** The request, and the header of its response that the middleware makes. */
  readonly request?: {
    readonly method?: string
    readonly path?: string
    readonly headers?: Record<string, string>
    readonly body?: string
    readonly remoteAddress?: string
  }
  /** How many of them are sent at once; the last one has the status and the header. Default: 1. */
  readonly atOnce?: number
  readonly status?: number
  readonly header?: string
  /** The text of the response. */
  readonly text?: string
  /** A line of the log, and a metric that counted one request. */
  readonly line?: RegExp
  readonly metric?: string
}

const addressList = middleware.addressList({ allow: ["192.0.2.0/24"] })
const verify = (token: Redacted.Redacted) => Effect.succeed(Redacted.value(token))
const authentication = middleware.authentication(User, { from: "bearer", verify })
const bodyLimit = middleware.bodyLimit({ maxBytes: 1 })
const csrf = middleware.csrf()
const hostPolicy = middleware.hostPolicy({ hosts: ["a.test"] })
const rateLimit = middleware.rateLimit({ limit: 1, window: "1 minute" })
const requestFirewall = middleware.requestFirewall()
const validation = middleware.validation(Input)
const session = middleware.session(Visitor, { schema: Schema.Number, initial: 0 })
const concurrencyLimit = middleware.concurrencyLimit({ maxRequests: 1 })
const loadShed = middleware.loadShed()
const conditional = middleware.conditional()
const cors = middleware.cors({ allowedOrigins: "*" })
const metrics = middleware.metrics()
const requestId = middleware.requestId({ trust: true })
const timeouts = middleware.timeouts({ handler: "10 millis" })
const trustedProxy = middleware.trustedProxy({ trust: ["127.0.0.1"] })
const deadlineHeader = middleware.deadlineHeader()
const problemDetails = middleware.problemDetails()
const securityHeaders = middleware.securityHeaders()
const accessLog = middleware.accessLog()

const visit = Effect.flatMap(Visitor, ({ update }) =>
  Effect.as(
    update((count) => count + 1),
    ok
  )
)
const slow = Effect.as(Effect.sleep("20 millis"), ok)
const missing = HttpServerResponse.empty({ status: 404 })
const address = Effect.map(HttpServerRequest.HttpServerRequest, ({ remoteAddress }) =>
  HttpServerResponse.text(Option.getOrElse(remoteAddress, () => "unknown"))
)

/** The types of a pipeline say nothing here: each row says what its middleware does. */
const appsOf = (
  kind: "before" | "outer" | "sending" | "ended",
  byClass: unknown,
  byValue: unknown,
  handler: unknown
): Row["apps"] => {
  // A pipeline that is run as a value has one state: each use has its own.
  const add =
    (...list: ReadonlyArray<unknown>) =>
    () => {
      const added = list.reduce<any>((pipeline, each) => pipeline[kind](each), open)
      const handled = added.handle(handler)
      return (kind === "before" ? handled.respond() : handled) as unknown
    }
  return [add(byClass), add(byValue), add(byValue, byValue)]
}

const rows: Readonly<Record<string, Row>> = {
  addressList: {
    apps: appsOf("before", AddressList, addressList, ok),
    layer: AddressList.layer(addressList),
    status: 403
  },
  authentication: {
    apps: appsOf("before", Authentication, authentication, ok),
    layer: Authentication.layer(authentication),
    status: 401,
    header: "www-authenticate"
  },
  bodyLimit: {
    apps: appsOf("before", BodyLimit, bodyLimit, ok),
    layer: BodyLimit.layer(bodyLimit),
    request: { method: "POST", body: "too long", headers: { "content-length": "8" } },
    status: 413
  },
  csrf: {
    apps: appsOf("before", Csrf, csrf, ok),
    layer: Csrf.layer(csrf),
    request: { method: "POST", headers: { "sec-fetch-site": "cross-site" } },
    status: 403
  },
  hostPolicy: {
    apps: appsOf("before", HostPolicy, hostPolicy, ok),
    layer: HostPolicy.layer(hostPolicy),
    request: { headers: { host: "b.test" } },
    status: 421
  },
  rateLimit: {
    apps: appsOf("before", RateLimit, rateLimit, ok),
    layer: Layer.provideMerge(RateLimit.layer(rateLimit), limiter),
    header: "ratelimit"
  },
  requestFirewall: {
    apps: appsOf("before", RequestFirewall, requestFirewall, ok),
    layer: RequestFirewall.layer(requestFirewall),
    request: { path: "/a%2Fb" },
    status: 400
  },
  validation: {
    apps: appsOf("before", Validation, validation, ok),
    layer: Validation.layer(validation),
    status: 422
  },
  session: {
    apps: appsOf("before", SessionClass, session, visit),
    layer: Layer.provideMerge(SessionClass.layer(session), store),
    header: "set-cookie"
  },
  concurrencyLimit: {
    apps: appsOf("outer", ConcurrencyLimit, concurrencyLimit, slow),
    layer: ConcurrencyLimit.layer(concurrencyLimit),
    atOnce: 2,
    status: 503,
    header: "retry-after"
  },
  loadShed: {
    apps: appsOf("outer", LoadShed, loadShed, ok),
    layer: Layer.provideMerge(LoadShed.layer(loadShed), fullHeap),
    status: 503,
    header: "retry-after"
  },
  conditional: {
    apps: appsOf("outer", Conditional, conditional, ok),
    layer: Conditional.layer(conditional),
    request: { headers: { "if-none-match": "*" } },
    status: 304
  },
  cors: {
    apps: appsOf("outer", Cors, cors, ok),
    layer: Cors.layer(cors),
    request: { headers: { origin: "https://a.test" } },
    header: "access-control-allow-origin"
  },
  metrics: {
    apps: appsOf("outer", Metrics, metrics, ok),
    layer: Metrics.layer(metrics),
    metric: "http.server.request.duration"
  },
  requestId: {
    apps: appsOf("outer", RequestIds, requestId, ok),
    layer: RequestIds.layer(requestId),
    request: { headers: { "x-request-id": "r-1" } },
    header: "x-request-id"
  },
  timeouts: {
    apps: appsOf("outer", Timeouts, timeouts, Effect.never),
    layer: Timeouts.layer(timeouts),
    status: 503
  },
  trustedProxy: {
    apps: appsOf("outer", TrustedProxy, trustedProxy, address),
    layer: TrustedProxy.layer(trustedProxy),
    request: { headers: { "x-forwarded-for": "203.0.113.7" }, remoteAddress: "127.0.0.1" },
    text: "203.0.113.7"
  },
  deadlineHeader: {
    apps: appsOf("outer", DeadlineHeader, deadlineHeader, Effect.never),
    layer: DeadlineHeader.layer(deadlineHeader),
    request: { headers: { "x-request-timeout-ms": "10" } },
    status: 504
  },
  problemDetails: {
    apps: appsOf("sending", ProblemDetails, problemDetails, missing),
    layer: ProblemDetails.layer(problemDetails),
    status: 404,
    header: "content-type"
  },
  securityHeaders: {
    apps: appsOf("sending", SecurityHeaders, securityHeaders, ok),
    layer: SecurityHeaders.layer(securityHeaders),
    header: "content-security-policy"
  },
  accessLog: {
    apps: appsOf("ended", AccessLog, accessLog, ok),
    layer: AccessLog.layer(accessLog),
    line: /^GET \/ 200 /
  }
}

const idempotent = middleware.idempotencyKey({ user: () => "ann" })
const routes = HttpRouter.add("GET", "/rooms", ok)
const routed = (routes: Layer.Layer<never, never, HttpRouter.HttpRouter>) =>
  open.handle(Effect.flatten(Pipeline.routes(routes))).respond()

/** An around of a handler and a wrapper of routes have no Layer form. */
const valuesOnly: Readonly<Record<string, Row>> = {
  idempotencyKey: {
    apps: [
      () => undefined,
      () => open.handle(ok, idempotent).respond(),
      () => open.handle(ok, idempotent, idempotent).respond()
    ],
    layer: IdempotencyStore.layerMemory,
    request: { method: "POST", headers: { "idempotency-key": "k-1" } },
    status: 200
  },
  methodNotAllowed: {
    apps: [
      () => undefined,
      () => routed(middleware.methodNotAllowed(routes)),
      () => routed(middleware.methodNotAllowed(middleware.methodNotAllowed(routes)))
    ],
    layer: Layer.empty,
    request: { method: "PUT", path: "/rooms" },
    status: 405,
    header: "allow"
  }
}

/** Headers that differ from one request to the next. */
const stable = (headers: Headers): ReadonlyArray<readonly [string, string]> =>
  [...headers].map(([name, value]) => [name, name === "set-cookie" ? value.replace(/=[^;]*/, "=…") : value])

/** Metrics with their attributes, and how many requests each has counted. */
const counted = Effect.map(Metric.snapshot, (all) =>
  all.map((metric) => ({
    id: metric.id,
    attributes: { ...metric.attributes },
    count: metric.type === "Histogram" ? metric.state.count : undefined
  }))
)

/** What a server with the middleware does with the requests of its row. */
const observe = (app: unknown, row: Row) =>
  Effect.gen(function* () {
    const { method = "GET", path = "/", ...options } = row.request ?? {}
    const { layer, lines } = keepLogs()
    const server = yield* TestServer.make(
      app as never,
      Layer.mergeAll(Layer.fresh(row.layer as Layer.Layer<never>), layer)
    )
    const requests = Array.from({ length: row.atOnce ?? 1 }, () => server.send(method, path, options))
    const responses = yield* Effect.all(requests, { concurrency: "unbounded" })
    return {
      responses: responses.map(({ headers, status, text }) => ({ status, text, headers: stable(headers) })),
      lines: lines.map(({ level, message }) => ({ level, message })),
      metrics: yield* counted
    }
  }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))

/** Times differ from one request to the next. */
const timeless = (seen: Effect.Success<ReturnType<typeof observe>>) => ({
  ...seen,
  lines: seen.lines.map(({ level, message }) => [level, message.replaceAll(/\d+ ms/g, "0 ms")])
})

/** Whether the last response has the status, the text and the header of its row. */
const isAsListed = (row: Row, last: Effect.Success<ReturnType<typeof observe>>["responses"][number]) => {
  assert.strictEqual(last.status, row.status ?? 200)
  if (row.text !== undefined) assert.strictEqual(last.text, row.text)
  if (row.header !== undefined) assert.isTrue(last.headers.some(([header]) => header === row.header))
}

it("middleware: every ready-made middleware is in one of the tables", () => {
  // They make a list, a cookie or a reader, which are no middleware.
  const others = new Set(["readSession", "recommended", "sameSecret", "secureCookie"])
  const makers = Object.entries(middleware).filter(
    ([name, value]) => /^[a-z]/.test(name) && typeof value === "function"
  )
  const names = makers.map(([name]) => name).filter((name) => !others.has(name))
  assert.deepStrictEqual(names.toSorted(), Object.keys({ ...rows, ...valuesOnly }).toSorted())
})

describe("mounted twice", () => {
  it.live.each(Object.entries({ ...rows, ...valuesOnly }))("middleware: %s acts once, or is refused", ([name, row]) =>
    Effect.gen(function* () {
      const [, once, twice] = row.apps
      // Two that share a store under one name would count each request twice.
      if (name === "rateLimit") assert.throws(twice, InvalidOption)
      else {
        const seen = yield* observe(once(), row)
        isAsListed(row, seen.responses.at(-1)!)
        assert.deepStrictEqual(timeless(yield* observe(twice(), row)), timeless(seen))
      }
    })
  )
})

describe("the Layer form", () => {
  it.live.each(Object.entries(rows))("middleware: %s by a Layer does what it does by value", ([name, row]) =>
    Effect.gen(function* () {
      const [byClass, byValue] = [yield* observe(row.apps[0](), row), yield* observe(row.apps[1](), row)]
      assert.deepStrictEqual(timeless(byClass), timeless(byValue))
      isAsListed(row, byClass.responses.at(-1)!)
      if (row.line !== undefined)
        assert.isTrue(
          byClass.lines.some(({ message }) => row.line!.test(message)),
          name
        )
      if (row.metric !== undefined) assert.strictEqual(byClass.metrics.find(({ id }) => id === row.metric)?.count, 1)
    })
  )
})
