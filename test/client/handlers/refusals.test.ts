import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpClientError } from "effect/http"
import { ClientChain, ClientHandler } from "fairlead/client"
import { retry, SsrfBlocked } from "fairlead/client/handlers"

import { scripted } from "./Hostile.ts"

it.effect.each([
  ["the guard of the transport", new SsrfBlocked({ reason: "Address", refused: "10.0.0.1", host: "a.test" }), 1],
  ["a chain below", new ClientHandler.FollowUpError({ reason: "TooMany", cycles: 21, for: "again" }), 1],
  ["nobody", { _tag: "SocketError" }, 3]
] as const)(
  "a retry of two sends a request again whose transport failed, and not one that was refused: by %s",
  ([, cause, sends]) =>
    Effect.gen(function* () {
      const { sent, transport } = scripted((request) => {
        const reason = new HttpClientError.TransportError({ request, cause })
        return Effect.fail(new HttpClientError.HttpClientError({ reason }))
      })
      yield* Effect.exit(
        ClientChain.make("c")
          .use(retry({ base: 0, times: 2 }))
          .over(transport)
          .get("http://a.test/")
      )
      assert.strictEqual(sent.length, sends)
    })
)
