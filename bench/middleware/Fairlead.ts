/** Fairlead's ready-made middleware, one row each: a web handler in process, and Node's server over a socket. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Persistence from "effect/persistence/Persistence"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

import * as ready from "../../src/server/middleware/index.ts"
import type { Session } from "../../src/server/middleware/index.ts"
import * as Pipeline from "../../src/server/Pipeline.ts"
import { message } from "../server/Contender.ts"
import { listen } from "../server/Effect.ts"
import * as Rows from "./Rows.ts"
import type { RowName } from "./Rows.ts"
import { apiHost, ask, messageTo, takeLine } from "./Subject.ts"
import type { Subject, Subjects } from "./Subject.ts"

class User extends Context.Service<User, string>()("bench/User") {}
class Claims extends Context.Service<Claims, ready.Jwt.Claims>()("bench/Claims") {}
class Visitor extends Context.Service<Visitor, Session<string>>()("bench/Visitor") {}
class Room extends ready.RequestInput<Room>()("bench/Room", {
  body: Schema.Struct({ name: Schema.NonEmptyString, seats: Schema.Int, tags: Schema.Array(Schema.String) })
}) {}

const services = Layer.mergeAll(
  // The checks provoke refusals, which would be logged.
  Logger.layer([]),
  Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory),
  Layer.provide(ready.SessionStore.layer, Persistence.layerBackingMemory),
  ready.ServerLoad.layer
)

const invalid = Effect.fail(new ready.AuthenticationError({ reason: { _tag: "InvalidCredential" } }))
const secret = Redacted.make(Rows.bearer)
const byBearer = ready.authentication(User, {
  from: "bearer",
  verify: (sent) =>
    Effect.flatMap(ready.sameSecret(sent, secret), (same) => (same ? Effect.succeed(Rows.user) : invalid))
})
const password = Redacted.make(Rows.password)
const byPassword = ready.authentication(User, {
  from: "basic",
  realm: "bench",
  verify: (sent) =>
    Effect.flatMap(ready.sameSecret(sent.password, password), (same) =>
      same && sent.username === Rows.user ? Effect.succeed(sent.username) : invalid
    )
})
const byJwt = ready.authentication(Claims, {
  from: "bearer",
  verify: ready.Jwt.verifier({
    keys: Redacted.make(new TextEncoder().encode(Rows.jwtSecret)),
    algorithms: ["HS256"],
    issuer: Rows.issuer,
    audience: Rows.audience
  })
})
const session = ready.session(Visitor, { schema: Schema.String, initial: "" })
const accessLog = { print: () => Effect.sync(takeLine) }
const cors = { allowedOrigins: [Rows.origin] }
const csrf = { allowedOrigins: [Rows.origin] }
const hostPolicy = { hosts: [apiHost] }
const rateLimit = { limit: Rows.rate, window: "1 hour", key: () => "client" } as const
const loadShed = { maxEventLoopDelay: Infinity, maxHeapRatio: 1 }
const timeouts = { handler: Rows.timeoutMillis }

const answer = Effect.sync(() => HttpServerResponse.jsonUnsafe(message()))
const ofText = Effect.flatMap(
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => text),
  () => answer
)
const ofJson = Effect.flatMap(
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ json }) => json),
  () => answer
)
/** Another app at `/slow`. */
const unlessSlow = <E>(slow: Effect.Effect<HttpServerResponse.HttpServerResponse, E>) =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ url }) => (url === Rows.slowPath ? slow : answer))
const ofVisitor = Effect.flatMap(Visitor, ({ get, update }) =>
  Effect.flatMap(get, (name) =>
    Effect.as(name === "" ? update(() => Rows.user) : Effect.void, HttpServerResponse.jsonUnsafe(messageTo(name)))
  )
)
const ofAddress = Effect.map(HttpServerRequest.HttpServerRequest, ({ remoteAddress }) =>
  HttpServerResponse.jsonUnsafe(messageTo(Option.getOrElse(remoteAddress, () => "")))
)

const open = Pipeline.make("bench")

const apps = {
  "no middleware, GET": open.handle(answer),
  "no middleware, POST of text": open.handle(ofText).respond(),
  "no middleware, POST of JSON": open.handle(ofJson).respond(),
  "security headers": open.sending(ready.securityHeaders()).handle(answer),
  CORS: open.outer(ready.cors(cors)).handle(answer),
  "CORS, preflight": open.outer(ready.cors(cors)).handle(answer),
  "access log": open.ended(ready.accessLog(accessLog)).handle(answer),
  "request id": open.outer(ready.requestId()).handle(answer),
  metrics: open.outer(ready.metrics()).handle(answer),
  timeout: open.outer(ready.timeouts(timeouts)).handle(unlessSlow(Effect.never)),
  "body limit": open
    .before(ready.bodyLimit({ maxBytes: Rows.maxBytes }))
    .handle(ofText)
    .respond(),
  "entity tag": open.outer(ready.conditional()).handle(answer),
  "entity tag, 304": open.outer(ready.conditional()).handle(answer),
  CSRF: open.before(ready.csrf(csrf)).handle(ofText).respond(),
  "rate limit": open.before(ready.rateLimit(rateLimit)).handle(answer).respond(),
  session: open.before(session).handle(ofVisitor).respond(),
  "basic authentication": open.before(byPassword).handle(answer).respond(),
  "bearer token": open.before(byBearer).handle(answer).respond(),
  JWT: open.before(byJwt).handle(answer).respond(),
  validation: open
    .before(ready.validation(Room))
    .handle(Effect.flatMap(Room, () => answer))
    .respond(),
  "load shed": open.outer(ready.loadShed(loadShed)).handle(answer),
  "address list": open
    .before(ready.addressList({ allow: ["127.0.0.0/8"] }))
    .handle(answer)
    .respond(),
  "trusted proxy": open.outer(ready.trustedProxy({ trust: ["127.0.0.0/8"] })).handle(ofAddress),
  "concurrency limit": open.outer(ready.concurrencyLimit()).handle(answer),
  "deadline header": open.outer(ready.deadlineHeader()).handle(answer),
  "host policy": open.before(ready.hostPolicy(hostPolicy)).handle(answer).respond(),
  "problem details": open
    .sending(ready.problemDetails())
    .handle(unlessSlow(Effect.succeed(HttpServerResponse.empty({ status: 404 })))),
  "request firewall": open.before(ready.requestFirewall()).handle(answer).respond(),
  together: open.pipe(ready.recommended({ accessLog, timeouts, csrf })).handle(answer).respond(),
  "together, with a user": open
    .pipe(
      ready.recommended({
        accessLog,
        timeouts,
        csrf,
        cors,
        loadShed,
        concurrencyLimit: {},
        requestFirewall: {},
        hostPolicy,
        rateLimit,
        authentication: byBearer
      })
    )
    .handle(answer)
    .respond()
} satisfies Record<RowName, unknown>

const subject = (app: (typeof apps)[RowName]): Subject => {
  const { handler } = Pipeline.toWebHandlerLayer(app, services)
  return {
    send: (sent) => ask(handler, sent),
    listen: (port) => listen(port, Layer.provide(Pipeline.serve(app), services))
  }
}

export const subjects: Subjects = Object.fromEntries(
  Rows.rowNames.map((name) => [name, () => Promise.resolve(subject(apps[name]))])
)
