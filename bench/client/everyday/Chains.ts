/** Everyday chains over an answer at hand: a bare client, each handler alone, three handlers, and the recommended chain. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"

import {
  bearer,
  bodyLimit,
  circuitBreaker,
  CookieJar,
  cookies,
  decompress,
  dedupe,
  log,
  metrics,
  rateLimit,
  redirect,
  retry,
  ssrfGuard,
  ssrfPolicy,
  timeouts,
  tracing
} from "../../../src/client/handlers/index.ts"
import { ClientChain } from "../../../src/client/index.ts"
import type { ClientHandler } from "../../../src/client/index.ts"
import type { Name } from "./Names.ts"

const origin = "https://api.example.com"
const body = JSON.stringify({ message: "Hello, world", items: [1, 2, 3], ok: true })
const headers = { "content-type": "application/json", "content-length": String(body.length) }

const bare = HttpClient.make((request) =>
  Effect.sync(() => HttpClientResponse.fromWeb(request, new Response(body, { headers })))
)

const credentials = () => bearer({ origins: [origin], token: Redacted.make("t0ken") })
const limit = () => rateLimit({ limit: 1e9, window: "1 second" })
const chain = () => ClientChain.make("bench")

const recommended = (sharing: boolean) => {
  const outside = chain()
    .use(log())
    .use(metrics())
    .use(tracing())
    .use(timeouts({ total: "30 seconds", headers: "5 seconds" }))
    .use(redirect())
    .use(retry())
    .use(credentials())
    .use(cookies())
  return (sharing ? outside.use(dedupe()) : outside)
    .use(circuitBreaker())
    .use(limit())
    .use(bodyLimit())
    .use(decompress())
    .use(ssrfGuard({ policy: ssrfPolicy() }))
    .pipe(ClientChain.over(bare))
}

const alone = <E, R>(handler: ClientHandler.ClientHandler<E, R>) => ClientChain.over(chain().use(handler), bare)

/** A client as the bench uses it, whatever its errors and services. */
interface Getter {
  readonly get: (url: string) => Effect.Effect<HttpClientResponse.HttpClientResponse, unknown, any>
}

const clients: Record<Name, () => Getter> = {
  bare: () => bare,
  "three handlers": () =>
    chain()
      .use(timeouts({ total: "30 seconds" }))
      .use(redirect())
      .use(retry())
      .pipe(ClientChain.over(bare)),
  "recommended chain": () => recommended(true),
  "recommended chain without dedupe": () => recommended(false),
  dedupe: () => alone(dedupe()),
  tracing: () => alone(tracing()),
  metrics: () => alone(metrics()),
  log: () => alone(log()),
  timeouts: () => alone(timeouts({ total: "30 seconds" })),
  circuitBreaker: () => alone(circuitBreaker()),
  bodyLimit: () => alone(bodyLimit()),
  redirect: () => alone(redirect()),
  retry: () => alone(retry()),
  bearer: () => alone(credentials()),
  cookies: () => alone(cookies()),
  rateLimit: () => alone(limit()),
  decompress: () => alone(decompress()),
  ssrfGuard: () => alone(ssrfGuard({ policy: ssrfPolicy() }))
}

const services = Layer.mergeAll(
  Logger.layer([]),
  CookieJar.layer(),
  RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))
)

/** Makes so many calls one after the other, each with its body parsed. */
export type Calls = (times: number) => Promise<void>

/** A client of each name. */
export const open = async (name: Name): Promise<Calls> => {
  const built: Context.Context<any> = await Effect.runPromise(Layer.buildWithScope(services, Scope.makeUnsafe()))
  const client = clients[name]()
  return (times) => {
    let left = times
    return Effect.runPromiseWith(built)(
      Effect.whileLoop({
        while: () => left-- > 0,
        body: () => Effect.flatMap(client.get(`${origin}/rooms?limit=2`), (response) => response.json),
        step: () => {}
      })
    )
  }
}
