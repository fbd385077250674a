import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpClient } from "effect/http"
import { ClientChain } from "fairlead/client"
import { CookieJar, cookies, redirect } from "fairlead/client/handlers"

import { serving } from "./Hostile.ts"

describe.each([
  ["before", ClientChain.make("c").use(cookies()).use(redirect())],
  ["behind", ClientChain.make("c").use(redirect()).use(cookies())]
] as const)("redirect with cookies %s it", (_, chain) => {
  it.live("follows a redirect to itself that sets a cookie, which goes with the next hop", () =>
    Effect.gen(function* () {
      const { url } = yield* serving((request, response) => {
        if (request.headers.cookie === "session=1") response.end("in")
        else response.writeHead(302, { location: "/", "set-cookie": "session=1; Path=/" }).end()
      })
      const client = chain.over(yield* HttpClient.HttpClient)
      assert.strictEqual(yield* Effect.flatMap(client.get(url), (response) => response.text), "in")
    }).pipe(Effect.provide([NodeHttpClient.layerUndici, CookieJar.layer()]))
  )
})
