/** Step 5: a call to a URL that a user chose, guarded against addresses that only this machine can reach. */
import { Console, Effect } from "effect"
import { HttpClient } from "effect/http"
import { ClientChain } from "fairlead/client"
import { bodyLimit, redirect, retry, ssrfGuard, timeouts } from "fairlead/client/handlers"
import { NodeTransport } from "fairlead/client/node"

const web = ClientChain.make("previews")
  .use(timeouts({ total: "5 seconds" }))
  .use(redirect())
  .use(retry({ times: 1 }))
  .use(bodyLimit({ maxBytes: 256 * 1024 }))
  .use(ssrfGuard())

const program = Effect.gen(function* () {
  const client = ClientChain.over(web, yield* HttpClient.HttpClient)
  const titleOf = (url: string) =>
    Effect.gen(function* () {
      const response = yield* client.get(url)
      return /<title>([^<]*)/i.exec(yield* response.text)?.[1] ?? url
    })
  const { _tag } = yield* Effect.flip(titleOf("http://127.0.0.1:22/"))
  yield* Console.log(`An address of this machine is rejected: ${_tag}`)
})

await Effect.runPromise(Effect.provide(program, NodeTransport.layer()))
