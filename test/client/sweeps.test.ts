/**
 * Every handler with state, and the driver, interrupted at each operation of a call: afterwards the client answers as if the call had never begun, or had ended.
 */
import { Effect, Fiber, Layer, Redacted, Stream } from "effect"
import { Digest, SecureRandom } from "effect/crypto"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { CircuitBreaker, KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import { ClientChain, ClientHandler } from "fairlead/client"
import {
  bodyLimit,
  bearer,
  cache,
  CacheStore,
  circuitBreaker,
  CookieJar,
  cookies,
  decompress,
  dedupe,
  digest,
  hedge,
  log,
  metrics,
  rateLimit,
  redirect,
  refresh,
  retry,
  RetryBudget,
  timeouts,
  tracing
} from "fairlead/client/handlers"

import { limiter } from "../kit/Limiter.ts"
import { sweeps } from "../kit/Sweeping.ts"
import { wireOf } from "./handlers/Wire.ts"

const url = "https://api.com/"
const origins = ["https://api.com"]
const token = Redacted.make("t")

const read = <E>(client: HttpClient.HttpClient.With<E>) => Effect.flatMap(client.get(url), ({ text }) => text)

/** A network that answers after a moment, with the number of requests that are open. */
const slow = (answer: (request: HttpClientRequest.HttpClientRequest) => Response = () => new Response("body")) => {
  let open = 0
  const wire = wireOf((request) =>
    Effect.acquireUseRelease(
      Effect.sync(() => open++),
      () => Effect.as(Effect.yieldNow, answer(request)),
      () => Effect.sync(() => open--)
    )
  )
  return { ...wire, open: () => open }
}

/** Sweeps one call of a chain with this handler: afterwards the same client answers, and no request is open. */
const sweepsHandler = <E>(name: string, handler: () => ClientHandler.ClientHandler<E>, times = 1): void =>
  sweeps(`client ${name}`, {
    make: Effect.sync(() => {
      const { client, open } = slow()
      return { client: ClientChain.over(ClientChain.make("c").use(handler()), client), open }
    }),
    call: ({ client }) =>
      Effect.all(
        Array.from({ length: times }, () => read(client)),
        { concurrency: times }
      ),
    after: ({ client, open }) => Effect.map(read(client), (text) => text === "body" && open() === 0)
  })

sweepsHandler("driver with a plain handler", () => ClientHandler.make("plain", { run: () => undefined }))
sweepsHandler("driver with waiting handlers", () =>
  ClientHandler.make("waiting", {
    once: () => Effect.yieldNow,
    run: () => Effect.yieldNow,
    afterResponse: () => Effect.yieldNow
  })
)
sweepsHandler("dedupe", () => dedupe())
sweepsHandler("dedupe of three", () => dedupe(), 3)
sweepsHandler("cache", () => cache())
sweepsHandler("cache of three", () => cache(), 3)
sweepsHandler("hedge", () => hedge({ delay: 0 }))
sweepsHandler("timeouts", () => timeouts({ total: "1 minute" }))
sweepsHandler("bodyLimit", () => bodyLimit({ maxBytes: 10 }))
sweepsHandler("decompress", () => decompress())
sweepsHandler("metrics", () => metrics())
sweepsHandler("log", () => log())
sweepsHandler("tracing", () => tracing())
sweepsHandler("bearer", () => bearer({ origins, token }))
sweepsHandler("refresh", () => refresh({ origins, refresh: () => Effect.as(Effect.yieldNow, token) }))
sweepsHandler("refresh of three", () => refresh({ origins, refresh: () => Effect.as(Effect.yieldNow, token) }), 3)

sweeps("client driver releases", {
  make: Effect.sync(() => {
    let taken = 0
    const slot = ClientHandler.make("slot", {
      run: (exchange) => {
        taken++
        exchange.onInterrupt(() => void taken--)
        return ClientHandler.proceedWith(true)
      },
      afterResponse: (_, __, state) => (state._tag === "Some" ? void taken-- : undefined)
    })
    const waiting = ClientHandler.make("waiting", { run: () => Effect.yieldNow, afterResponse: () => Effect.yieldNow })
    const { client, open } = slow()
    const chain = ClientChain.make("c").use(waiting).use(slot).use(waiting)
    return { client: ClientChain.over(chain, client), open, taken: () => taken }
  }),
  call: ({ client }) => read(client),
  after: ({ client, open, taken }) =>
    Effect.map(read(client), (text) => text === "body" && open() === 0 && taken() === 0)
})

sweeps("client driver follows up", {
  make: Effect.sync(() => {
    const { client, open } = slow(({ url }) =>
      url.endsWith("end") ? new Response("body") : new Response("x", { status: 302, headers: { location: "/end" } })
    )
    const cancelled: Array<string> = []
    const chain = ClientChain.make("c").use(redirect()).use(timeouts())
    return { client: ClientChain.over(chain, client), open, cancelled }
  }),
  call: ({ client }) => read(client),
  after: ({ client, open }) => Effect.map(read(client), (text) => text === "body" && open() === 0)
})

sweeps("client retry", {
  make: Effect.sync(() => {
    let answers = 0
    const { client, open } = slow(() => new Response("body", { status: answers++ === 0 ? 503 : 200 }))
    const budget = RetryBudget.make({ ratio: 0, burst: 3 })
    const chain = ClientChain.make("c").use(retry({ baseDelay: 0, budget }))
    return { client: ClientChain.over(chain, client), open, budget }
  }),
  call: ({ client }) => read(client),
  after: ({ budget, client, open }) =>
    Effect.map(read(client), (text) => text === "body" && open() === 0 && budget.balance() >= 1)
})

sweeps("client circuitBreaker", {
  make: Effect.gen(function* () {
    let status = 503
    const { client, open } = slow(() => new Response("body", { status }))
    const breaker = circuitBreaker({ tripPolicy: CircuitBreaker.consecutive(1), openDuration: 1, maxOpenDuration: 1 })
    const guarded = ClientChain.over(ClientChain.make("c").use(breaker), client)
    yield* read(guarded)
    status = 200
    // Open now, and half open at the next call: it is the probe.
    yield* TestClock.adjust(2)
    return { client: guarded, open }
  }),
  call: ({ client }) => read(client),
  after: ({ client, open }) => Effect.map(read(client), (text) => text === "body" && open() === 0)
})

sweeps("client rateLimit", {
  make: Effect.gen(function* () {
    const { client, open } = slow()
    const services = yield* Layer.build(limiter)
    const chain = ClientChain.make("c").use(rateLimit({ limit: 5, window: "1 second", slowOthers: true }))
    const limited = HttpClient.transformResponse(ClientChain.over(chain, client), Effect.provide(services))
    return { client: limited, open }
  }),
  call: ({ client }) => read(client),
  after: ({ client, open }) => Effect.map(read(client), (text) => text === "body" && open() === 0)
})

sweeps("client rateLimit that learns", {
  make: Effect.sync(() => {
    const headers = { ratelimit: '"a";r=1;t=0', "ratelimit-policy": '"a";q=1;w=1' }
    const network = HttpClient.make((request) =>
      Effect.as(Effect.yieldNow, HttpClientResponse.fromWeb(request, new Response("body", { headers })))
    )
    return ClientChain.over(ClientChain.make("c").use(rateLimit({ learn: true })), network)
  }),
  call: (client) => Effect.andThen(read(client), read(client)),
  // An interrupted call keeps its part of the quota, until the window of a second ends.
  after: (client) =>
    Effect.gen(function* () {
      const call = yield* Effect.forkChild(read(client), { startImmediately: true })
      yield* TestClock.adjust("1 second")
      return (yield* Fiber.join(call)) === "body"
    })
})

sweeps("client digest", {
  make: Effect.gen(function* () {
    const services = yield* Layer.build(Layer.merge(Digest.layerWebCrypto, SecureRandom.layerWebCrypto))
    const challenge = 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-512-256'
    const { client, open } = slow(({ headers }) =>
      headers["authorization"] === undefined
        ? new Response("no", { status: 401, headers: { "www-authenticate": challenge } })
        : new Response("body")
    )
    const chain = ClientChain.make("c").use(digest({ origins, username: "ada", password: token }))
    const signed = HttpClient.transformResponse(ClientChain.over(chain, client), Effect.provide(services))
    return { client: signed, open }
  }),
  call: ({ client }) => read(client),
  after: ({ client, open }) => Effect.map(read(client), (text) => text === "body" && open() === 0)
})

sweeps("client CookieJar", {
  make: Effect.gen(function* () {
    const services = yield* Layer.build(CookieJar.layerKvs().pipe(Layer.provideMerge(KeyValueStore.layerMemory)))
    let answers = 0
    const { client } = slow(() => new Response("body", { headers: { "set-cookie": `c${answers++}=1; Max-Age=100` } }))
    const chain = ClientChain.make("c").use(cookies())
    const jarred = HttpClient.transformResponse(ClientChain.over(chain, client), Effect.provide(services))
    return { client: jarred, services }
  }),
  call: ({ client }) => read(client),
  after: ({ client, services }) =>
    Effect.gen(function* () {
      yield* read(client)
      const jar = yield* CookieJar
      yield* jar.save
      const values = yield* KeyValueStore.KeyValueStore
      const written = JSON.parse((yield* values.get("fairlead/cookies/api.com")) ?? "[]") as ReadonlyArray<unknown>
      return written.length > 0 && written.length === (yield* jar.all).length
    }).pipe(Effect.provide(services))
})

sweeps("client CookieJar store", {
  make: Layer.build(CookieJar.layerKvs().pipe(Layer.provide(KeyValueStore.layerMemory))),
  call: (services) =>
    Effect.gen(function* () {
      const jar = yield* CookieJar
      yield* jar.store(new URL(url), ["a=1; Max-Age=100"])
      yield* jar.save
    }).pipe(Effect.provide(services)),
  after: (services) =>
    Effect.gen(function* () {
      const jar = yield* CookieJar
      yield* jar.store(new URL(url), ["b=1; Max-Age=100"])
      yield* jar.save
      return (yield* jar.all).some(({ name }) => name === "b")
    }).pipe(Effect.provide(services))
})

sweeps("client request body", {
  make: Effect.sync(() => {
    const bodies: Array<string> = []
    const chain = ClientChain.make("c")
      .use(timeouts())
      .use(retry({ baseDelay: 0 }))
    const { client, open } = slow()
    const body = () => Stream.make(new TextEncoder().encode("a"), new TextEncoder().encode("b"))
    const post = () => HttpClientRequest.bodyStream(HttpClientRequest.post(url), body())
    return { client: ClientChain.over(chain, client), open, post, bodies }
  }),
  call: ({ client, post }) => Effect.flatMap(client.execute(post()), ({ text }) => text),
  after: ({ client, open, post }) =>
    Effect.flatMap(client.execute(post()), ({ text }) => Effect.map(text, (text) => text === "body" && open() === 0))
})

const fresh = { "cache-control": "max-age=60" }

/** Two callers of a cached page, whose response has these headers too. */
const storing = (headers: Readonly<Record<string, string>> = {}) => {
  const make = () => {
    const { asked, client, open } = slow(() => new Response("body", { headers: { ...fresh, ...headers } }))
    return { client: ClientChain.over(ClientChain.make("c").use(cache()), client), asked, open }
  }
  return {
    make: Effect.sync(make),
    call: ({ client }: ReturnType<typeof make>) => Effect.all([read(client), read(client)], { concurrency: 2 }),
    after: ({ asked, client, open }: ReturnType<typeof make>) =>
      Effect.gen(function* () {
        const text = yield* read(client)
        const sent = asked.length
        return text === "body" && (yield* read(client)) === "body" && asked.length === sent && open() === 0
      })
  }
}

sweeps("client cache that stores", storing({ "content-length": "4" }))

sweeps("client cache of a body on its way", storing())

sweeps("client cache that validates", {
  make: Effect.gen(function* () {
    const { client, open } = slow(({ headers }) =>
      headers["if-none-match"] === undefined
        ? new Response("body", { headers: { "cache-control": "max-age=0", etag: '"a"', "content-length": "4" } })
        : new Response(null, { status: 304, headers: { etag: '"a"' } })
    )
    const validating = ClientChain.over(ClientChain.make("c").use(cache()), client)
    yield* read(validating)
    return { client: validating, open }
  }),
  call: ({ client }) => read(client),
  after: ({ client, open }) => Effect.map(read(client), (text) => text === "body" && open() === 0)
})

sweeps("client cache in a KeyValueStore", {
  make: Effect.gen(function* () {
    const store = yield* CacheStore.makeKvs()
    const { asked, client, open } = slow(() => new Response("body", { headers: { ...fresh, "content-length": "4" } }))
    return { client: ClientChain.over(ClientChain.make("c").use(cache({ store })), client), asked, open }
  }).pipe(Effect.provide(KeyValueStore.layerMemory)),
  call: ({ client }) => read(client),
  after: ({ asked, client, open }) =>
    Effect.gen(function* () {
      const text = yield* read(client)
      const sent = asked.length
      return text === "body" && (yield* read(client)) === "body" && asked.length === sent && open() === 0
    })
})
