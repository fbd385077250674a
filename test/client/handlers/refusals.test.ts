import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { FetchHttpClient, HttpClient, HttpClientError } from "effect/http"
import { ClientChain, ClientHandler } from "fairlead/client"
import { retry, SsrfError } from "fairlead/client/handlers"
import { NodeTransport } from "fairlead/client/node"

import { secure } from "../node/Secure.ts"
import { scripted } from "./Hostile.ts"

const blocked = new SsrfError({ reason: { _tag: "AddressForbidden" }, refused: "10.0.0.1", host: "a.test" })
const coded = (code: string): Error => Object.assign(new Error(code), { code })
const circle = new Error("circle")
circle.cause = circle

// Each its own: they share no budget.
const twice = () => ClientChain.make("c").use(retry({ baseDelay: 0, times: 2 }))

describe("a retry of two sends a request again whose transport failed, and not one that was refused", () => {
  it.effect.each([
    ["by the guard of the transport", blocked, 1],
    ["by that guard, below fetch", new TypeError("fetch failed", { cause: blocked }), 1],
    [
      "by a chain below",
      new ClientHandler.FollowUpError({
        reason: { _tag: "TooManyFollowUps", maxFollowUps: 20 },
        cycles: 21,
        handler: "again"
      }),
      1
    ],
    ["for an untrusted certificate", coded("UNABLE_TO_VERIFY_LEAF_SIGNATURE"), 1],
    ["for one that is over", new TypeError("fetch failed", { cause: coded("CERT_HAS_EXPIRED") }), 1],
    ["for one of another name", new AggregateError([coded("ERR_TLS_CERT_ALTNAME_INVALID")]), 1],
    ["by nobody", { _tag: "SocketError" }, 3],
    ["by nobody, but reset", new TypeError("fetch failed", { cause: coded("ECONNRESET") }), 3],
    ["by nobody, for want of memory", coded("OUT_OF_MEM"), 3],
    ["by nobody, with a cause that is its own", circle, 3],
    ["by nobody, without a cause", undefined, 3]
  ] as const)("%s: sent $2 times", ([, cause, sends]) =>
    Effect.gen(function* () {
      const { sent, transport } = scripted((request) => {
        const reason = new HttpClientError.TransportError({ request, cause })
        return Effect.fail(new HttpClientError.HttpClientError({ reason }))
      })
      yield* Effect.exit(twice().pipe(ClientChain.over(transport)).get("http://a.test/"))
      assert.strictEqual(sent.length, sends)
    })
  )

  it.live.each([
    ["undici", NodeHttpClient.layerUndici],
    ["node:http", NodeHttpClient.layerNodeHttp],
    ["fetch", FetchHttpClient.layer],
    ["fairlead/client/node", NodeTransport.layer()]
  ] as const)("for a certificate that nobody vouches for, over %s", ([, layer]) =>
    Effect.gen(function* () {
      const { port } = yield* secure((_, response) => void response.end())
      let sent = 0
      const transport = HttpClient.mapRequest(yield* HttpClient.HttpClient, (request) => (sent++, request))
      const error = yield* Effect.flip(twice().pipe(ClientChain.over(transport)).get(`https://127.0.0.1:${port}/`))
      assert.isTrue(HttpClientError.isHttpClientError(error) && error.reason._tag === "TransportError")
      assert.strictEqual(sent, 1)
    }).pipe(Effect.provide(layer))
  )
})
