/**
 * Reads the title and description of pages that members link to.
 *
 * 1. Only an answer 200 of type `text/html` is read, and only to the end of its head or to `bytes`: reading then stops,
 *    and the connection is closed. A larger page is no failure. The rest of a page of up to 128 KiB is read for the cache.
 * 2. A page that was read is kept: the same link makes no second request while the page is fresh.
 * 3. It never fails: a page that cannot be had, or may not be, is one that says nothing. Why is logged.
 */
import { Context, Effect, Layer, Option, Stream } from "effect"
import { HttpClient } from "effect/http"
import type { RateLimiter } from "effect/persistence"
import { ClientChain } from "fairlead/client"
import { CacheStore } from "fairlead/client/handlers"
import { NodeTransport } from "fairlead/client/node"

import { reader } from "./PageHead.ts"
import type { PageHead } from "./PageHead.ts"
import { bytes, chainFor, limiter, pages, policyFor } from "./PageNetwork.ts"
import { Settings } from "./Settings.ts"

const headers = { accept: "text/html", "user-agent": "Harbour/1 (link previews)" }

/** Finds out what a page says of itself. */
export class Pages extends Context.Service<
  Pages,
  {
    /** The head of the page at a URL, if there is one to be had. */
    readonly look: (url: string) => Effect.Effect<Option.Option<PageHead>>
  }
>()("harbour/Pages") {
  /** Over the network, through the chain of `PageNetwork.ts`. */
  static readonly layer = Layer.effect(
    Pages,
    Effect.gen(function* () {
      const { previewAllow } = yield* Settings
      const network = yield* HttpClient.HttpClient
      const limits = yield* Effect.context<RateLimiter.RateLimiter>()
      // With a scope, since most answers are not read to their end: it closes their connections.
      const store = yield* CacheStore
      const client = chainFor(policyFor(previewAllow), store).pipe(ClientChain.over(HttpClient.withScope(network)))

      const read = Effect.fnUntraced(function* (url: string) {
        const { headers: received, status, stream } = yield* client.get(url, { headers })
        const type = received["content-type"]
        if (status !== 200 || !/^\s*text\/html\s*(?:;|$)/i.test(type ?? "")) return Option.none()
        const head = reader(type)
        let left = bytes
        yield* Stream.runForEachWhile(stream, (chunk) =>
          Effect.sync(() => {
            const part = chunk.subarray(0, left)
            left -= part.length
            return !head.write(part) && left > 0
          })
        )
        return head.end()
      }, Effect.scoped)

      return Pages.of({
        look: (url) =>
          read(url).pipe(
            Effect.provide(limits),
            Effect.catch((error) => {
              // A refusal by the guard of the connections says more than that the network failed.
              const { message } = NodeTransport.blockedBy(error) ?? error
              return Effect.as(Effect.logInfo(`No preview of ${url}: ${message}`), Option.none())
            }),
            Effect.catchDefect((defect) => Effect.as(Effect.logError(`No preview of ${url}`, defect), Option.none()))
          )
      })
    })
  ).pipe(Layer.provide([limiter, pages]))
}
