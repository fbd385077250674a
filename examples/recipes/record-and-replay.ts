/** Record the calls of a test once, and replay them without a network. Secrets are not written. */
import { Console, Effect } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { ClientChain } from "fairlead/client"
import { TestClient } from "fairlead/testing/client"

const network = HttpClient.make((request) =>
  Effect.succeed(HttpClientResponse.fromWeb(request, Response.json({ name: "Ada", password: "secret" })))
)
const noNetwork = HttpClient.make(() => Effect.die(new Error("There is no network in a test")))

const call = (mode: "record" | "replay", transport: HttpClient.HttpClient) =>
  Effect.gen(function* () {
    const recorder = yield* TestClient.cassette("users", { mode })
    const client = ClientChain.over(ClientChain.make("api").use(recorder), transport)
    const response = yield* client.get("http://api.test/users/1")
    return yield* response.text
  }).pipe(Effect.scoped)

const program = Effect.gen(function* () {
  yield* Console.log(`recorded: ${yield* call("record", network)}`)
  yield* Console.log(`replayed: ${yield* call("replay", noNetwork)}`)
})

// In a project: KeyValueStore.layerFileSystem("test/cassettes")
await Effect.runPromise(Effect.provide(program, KeyValueStore.layerMemory))
