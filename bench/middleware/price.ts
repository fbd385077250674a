/**
 * The CPU of a request in process: through each ready-made middleware alone, through `recommended`, and through a pipeline without stages. Run it by
 * `node --conditions=fairlead:source bench/middleware/price.ts`; every sample goes to `results/middleware.json`.
 *
 * The same GET with a credential is sent to a web handler for each case, in a new order each round; the price is the median of the rounds' differences to no middleware.
 * `trustedProxy` and `addressList` are missing, since they need the address of a socket, as is `idempotencyKey`, which does nothing for GET.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"

import { Context, Effect, Layer, Redacted, Schema } from "effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Persistence from "effect/persistence/Persistence"
import * as RateLimiter from "effect/persistence/RateLimiter"

import * as ready from "../../src/server/middleware/index.ts"
import type { Session } from "../../src/server/middleware/index.ts"
import * as Pipeline from "../../src/server/Pipeline.ts"
import { machine } from "../Machine.ts"
import { paired, shuffled, summary } from "../Statistics.ts"
import { table } from "../Table.ts"

const [rounds, requests, warmUps] = [30, 300, 3000]

class User extends Context.Service<User, string>()("bench/User") {}
class Visitor extends Context.Service<Visitor, Session<number>>()("bench/Visitor") {}
class Input extends ready.RequestInput<Input>()("bench/Input", { query: Schema.Struct({ page: Schema.String }) }) {}

const services = Layer.mergeAll(
  Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory),
  Layer.provide(ready.SessionStore.layer, Persistence.layerBackingMemory),
  ready.ServerLoad.layer
)

const accessLog = { print: () => Effect.void }
const cors = { allowedOrigins: ["https://app.example"] }
const hostPolicy = { hosts: ["api.example"] }
const rateLimit = { limit: 1_000_000_000, window: "1 hour", key: () => "client" } as const
const session = ready.session(Visitor, { schema: Schema.Number, initial: 0 })
const authentication = ready.authentication(User, {
  from: "bearer",
  verify: (token) => Effect.succeed(Redacted.value(token))
})

const open = Pipeline.make("price")
const answer = HttpServerResponse.text("hello")

const none = "no middleware"
const apps = {
  [none]: open.handle(answer),
  accessLog: open.ended(ready.accessLog(accessLog)).handle(answer),
  authentication: open.before(authentication).handle(answer).respond(),
  bodyLimit: open.before(ready.bodyLimit()).handle(answer).respond(),
  concurrencyLimit: open.outer(ready.concurrencyLimit()).handle(answer),
  conditional: open.outer(ready.conditional()).handle(answer),
  cors: open.outer(ready.cors(cors)).handle(answer),
  csrf: open.before(ready.csrf()).handle(answer).respond(),
  deadlineHeader: open.outer(ready.deadlineHeader()).handle(answer),
  hostPolicy: open.before(ready.hostPolicy(hostPolicy)).handle(answer).respond(),
  loadShed: open.outer(ready.loadShed({ maxEventLoopDelay: Infinity, maxHeapRatio: 1 })).handle(answer),
  metrics: open.outer(ready.metrics()).handle(answer),
  problemDetails: open.sending(ready.problemDetails()).handle(answer),
  rateLimit: open.before(ready.rateLimit(rateLimit)).handle(answer).respond(),
  requestFirewall: open.before(ready.requestFirewall()).handle(answer).respond(),
  requestId: open.outer(ready.requestId()).handle(answer),
  securityHeaders: open.sending(ready.securityHeaders()).handle(answer),
  session: open.before(session).handle(answer).respond(),
  timeouts: open.outer(ready.timeouts()).handle(answer),
  validation: open.before(ready.validation(Input)).handle(answer).respond(),
  "recommended()": open.pipe(ready.recommended({ accessLog })).handle(answer).respond(),
  "recommended, all": open
    .pipe(
      ready.recommended({
        accessLog,
        cors,
        loadShed: { maxEventLoopDelay: Infinity, maxHeapRatio: 1 },
        concurrencyLimit: {},
        requestFirewall: {},
        hostPolicy,
        rateLimit,
        session,
        authentication
      })
    )
    .handle(answer)
    .respond()
}

const headers = {
  authorization: "Bearer ada",
  host: "api.example",
  origin: "https://app.example",
  "x-request-timeout-ms": "30000"
}

const cases = Object.entries(apps).map(([name, app]) => {
  const { dispose, handler } = Pipeline.toWebHandlerLayer(app, services)
  const send = async (): Promise<Response> => {
    const response = await handler(new Request("http://api.example/rooms?page=1", { headers }))
    await response.text()
    return response
  }
  return { name, send, dispose, samples: [] as Array<number> }
})

for (const { name, send } of cases) {
  const { status } = await send()
  if (status !== 200) throw new Error(`${name} responds with ${status}: its price would be that of an error.`)
  for (let sent = 0; sent < warmUps; sent++) await send()
}
const facts = machine()
for (let round = 0; round < rounds; round++) {
  for (const { samples, send } of shuffled(cases)) {
    const before = process.cpuUsage()
    for (let sent = 0; sent < requests; sent++) await send()
    const { system, user } = process.cpuUsage(before)
    samples.push(Number(((user + system) / requests).toFixed(2)))
  }
}
await Promise.all(cases.map(({ dispose }) => dispose()))

const baseline = cases.find(({ name }) => name === none)!.samples
const prices = cases.map(({ name, samples }) => {
  const { margin, median } = summary(paired(samples, baseline, (a, b) => a - b))
  return {
    name,
    micros: Number(summary(samples).median.toFixed(1)),
    price: Number(median.toFixed(1)),
    margin: Number(margin.toFixed(1))
  }
})
writeFileSync(
  join(import.meta.dirname, "../results/middleware.json"),
  `${JSON.stringify({ machine: facts, rounds, requests, prices, samples: cases.map(({ name, samples }) => ({ name, samples })) })}\n`
)
process.stdout.write(
  `${table(
    ["middleware", "µs of CPU", "price", "±"],
    prices.map(({ margin, micros, name, price }) => [name, micros.toFixed(1), price.toFixed(1), margin.toFixed(1)])
  )}\n`
)
