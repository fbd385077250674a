/**
 * Tests what sends requests: a network of scripted answers, cassettes that record a real network and replay it, and a journal of the handlers that ran.
 *
 * **Example** (A chain over a scripted network)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { HttpClientRequest } from "effect/http"
 * import { ClientChain } from "fairlead/client"
 * import { retry } from "fairlead/client/handlers"
 * import { TestClient } from "fairlead/testing/client"
 *
 * const network = TestClient.make(TestClient.once("GET https://api.test/rooms", TestClient.fails("reset"), { json: ["lobby"] }))
 * const client = ClientChain.make("api").use(retry({ baseDelay: 0 })).pipe(ClientChain.over(network.client))
 *
 * const program = Effect.gen(function*() {
 *   const response = yield* client.execute(HttpClientRequest.get("https://api.test/rooms"))
 *   yield* network.verify
 *   return yield* response.json // ["lobby"]
 * })
 * ```
 *
 * @since 0.1.0
 */
export { CassetteError } from "./client/Cassette.ts"
export type { Expected, ExpectedRequest } from "./client/Expectation.ts"
export type { CompareOptions } from "./client/Interactions.ts"
export { journalLines, observe } from "./client/Journal.ts"
export type { Observed } from "./client/Journal.ts"
export { cassette, layerCassette } from "./client/Recorder.ts"
export type { CassetteOptions } from "./client/Recorder.ts"
export type { RedactOptions } from "./client/Redaction.ts"
export { always, fails, make, once, silence, TestClientError } from "./client/ScriptedNetwork.ts"
export type { Answer, ReceivedCall, Reply, ScriptLine, TestClient } from "./client/ScriptedNetwork.ts"
export type { SentRequest } from "./client/SentRequest.ts"
