/**
 * A `fetch` with a cache: for libraries that take a `fetch`, and for suites that test HTTP caches.
 *
 * - `CACHE_MODE=shared` makes a shared cache, which also reads `CDN-Cache-Control`. Default: `private`.
 * - All users of this `fetch` are one partition: it belongs to one program.
 * - When the origin is down, a stale response answers for an hour; without one the answer is 504.
 * - `Set-Cookie` is stored, as RFC 9111 §3.1 says; a client with a cookie jar leaves it out.
 * - `init.cache: "no-store"` is left out: suites set it to switch off a cache in front of the one that they test.
 * - `init.dispatcher` takes a dispatcher of undici, as Node's own `fetch` does.
 */
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"

import { NodeHttpClient } from "@effect/platform-node"
import { Context, Effect, Layer, ManagedRuntime } from "effect"
import { HttpClient } from "effect/http"
import { ClientChain } from "fairlead/client"
import { cache, CacheStore, redirect } from "fairlead/client/handlers"
import { NodeTransport } from "fairlead/client/node"

type Dispatcher = typeof NodeHttpClient.Dispatcher.Service

const mode = process.env["CACHE_MODE"] === "shared" ? "shared" : "private"

const CallDispatcher = Context.Reference<Dispatcher | undefined>("CallDispatcher", { defaultValue: () => undefined })

/** The transport of the program. A call with its own dispatcher is sent over that dispatcher. */
const transport = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(HttpClient.HttpClient, (standard) =>
    HttpClient.make((request, _url, _signal, fiber) => {
      const dispatcher = fiber.getRef(CallDispatcher)
      if (dispatcher === undefined) return standard.execute(request)
      const client = Effect.provideService(NodeHttpClient.makeUndici, NodeHttpClient.Dispatcher, dispatcher)
      return Effect.flatMap(client, (each) => each.execute(request))
    })
  )
).pipe(Layer.provide(NodeTransport.layer()))

const runtime = ManagedRuntime.make(transport)
const store = CacheStore.makeMemory()
const caching = cache({
  mode,
  store,
  partition: () => "",
  storesSetCookie: true,
  targets: mode === "shared" ? ["cdn-cache-control"] : [],
  staleIfError: "1 hour",
  onUnreachable: "respond"
})

const manual = ClientChain.make("cached-fetch").use(caching)
const following = ClientChain.make("cached-fetch").use(redirect()).use(caching)

interface CachedFetchInit extends RequestInit {
  readonly dispatcher?: Dispatcher
}

const clients = runtime.runPromise(
  Effect.map(HttpClient.HttpClient, (client) => ({
    manual: ClientChain.over(manual, client),
    following: ClientChain.over(following, client)
  }))
)

/** Sends a request through the cache. */
export const fetch = async (input: string | URL | Request, init: CachedFetchInit = {}): Promise<Response> => {
  const { dispatcher, ...rest } = init
  if (rest.cache === "no-store") delete rest.cache
  const chosen = await clients
  const over = <E>(client: HttpClient.HttpClient.With<E>) =>
    ClientChain.toFetch(
      HttpClient.transformResponse(client, (response) => Effect.provideService(response, CallDispatcher, dispatcher))
    )(input, rest)
  return rest.redirect === "manual" ? over(chosen.manual) : over(chosen.following)
}

/** Closes the connections. */
export const close = (): Promise<void> => runtime.dispose()

/** Fetches a page twice from a server that allows a minute of reuse: one request is sent. */
const demonstrate = async (): Promise<void> => {
  let requests = 0
  const server = createServer((_, response) => {
    requests++
    response.setHeader("cache-control", "max-age=60").end("hello")
  })
  await once(server.listen(0, "127.0.0.1"), "listening")
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  for (const turn of ["first", "second"]) {
    const text = await (await fetch(url)).text()
    console.log(`${turn} response: ${text}, requests of the server: ${requests}`)
  }
  await close()
  server.close()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await demonstrate()
