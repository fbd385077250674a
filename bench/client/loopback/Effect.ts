/** Effect's client over the two transports, without handlers and with five of every day. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"

import { bearer, decompress, redirect, retry, timeouts } from "../../../src/client/handlers/index.ts"
import { ClientChain } from "../../../src/client/index.ts"
import { NodeTransport } from "../../../src/client/node/index.ts"
import type { Ask } from "./Contender.ts"

type Over<E> = (client: HttpClient.HttpClient, url: string) => HttpClient.HttpClient.With<E>

/** Asks in one fiber, as an application that runs in one does. */
const opening =
  <E>(transport: Layer.Layer<HttpClient.HttpClient>, over: Over<E>) =>
  async (url: string): Promise<Ask> => {
    const built = await Effect.runPromise(Layer.buildWithScope(transport, Scope.makeUnsafe()))
    const client = over(Context.get(built, HttpClient.HttpClient), url)
    return (next) => {
      let more = true
      return Effect.runPromise(
        Effect.whileLoop({
          while: () => more,
          body: () => Effect.flatMap(client.get(url), (response) => response.json),
          step: (body) => {
            more = next(body)
          }
        })
      )
    }
  }

const plain = (client: HttpClient.HttpClient): HttpClient.HttpClient => client

const handled = (client: HttpClient.HttpClient, url: string) =>
  ClientChain.make("bench")
    .use(timeouts({ total: "1 minute" }))
    .use(redirect())
    .use(retry())
    .use(bearer({ origins: [new URL(url).origin], token: Redacted.make("bench") }))
    .use(decompress())
    .pipe(ClientChain.over(client))

export const undici = opening(NodeHttpClient.layerUndici, plain)
export const undiciHandled = opening(NodeHttpClient.layerUndici, handled)
export const node = opening(NodeTransport.layer(), plain)
export const nodeHandled = opening(NodeTransport.layer(), handled)
