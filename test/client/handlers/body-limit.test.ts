import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { HttpClient, HttpClientError } from "effect/http"
import { ClientChain } from "fairlead/client"
import { bodyLimit, BodyTooLarge } from "fairlead/client/handlers"

import { get } from "../Calls.ts"
import { scripted, serving, transports } from "./Hostile.ts"

const over = (response: () => Response, maxBytes: number) =>
  ClientChain.make("c")
    .use(bodyLimit({ maxBytes }))
    .pipe(ClientChain.over(scripted(response).transport))

const isTooLarge = (error: unknown): boolean =>
  HttpClientError.isHttpClientError(error) && error.cause instanceof BodyTooLarge && error.message.includes("maxBytes")

describe("bodyLimit", () => {
  it.effect("a body of just as many bytes is read, one of one more is an error, whichever way it is read", () =>
    Effect.gen(function* () {
      const client = over(() => new Response("12345"), 5)
      assert.strictEqual(yield* (yield* client.execute(get)).text, "12345")
      for (const way of ["text", "json", "arrayBuffer", "urlParamsBody", "formData"] as const) {
        const response = yield* over(() => new Response("123456"), 5).execute(get)
        assert.isTrue(isTooLarge(yield* Effect.flip<unknown, unknown, never>(response[way])), way)
      }
    })
  )

  it.effect("the body can be read as everything it is", () =>
    Effect.gen(function* () {
      const read = (body: BodyInit) => over(() => new Response(body), 1000).execute(get)
      const form = new FormData()
      form.set("a", "b")
      assert.deepStrictEqual(yield* (yield* read('{"a":1}')).json, { a: 1 })
      assert.deepStrictEqual((yield* (yield* read("a=1&b=2")).urlParamsBody).params, [
        ["a", "1"],
        ["b", "2"]
      ])
      assert.deepStrictEqual((yield* (yield* read("?a=1")).urlParamsBody).params, [["?a", "1"]])
      assert.strictEqual((yield* (yield* read(form)).formData).get("a"), "b")
      assert.strictEqual((yield* (yield* read("123")).arrayBuffer).byteLength, 3)
      const twice = yield* read("again")
      assert.deepStrictEqual([yield* twice.text, yield* twice.text], ["again", "again"])
      const empty = yield* over(() => new Response(null), 10).execute(get)
      assert.deepStrictEqual([yield* empty.text, yield* empty.json], ["", null])
      const wrong = yield* Effect.flip((yield* read("{")).json)
      assert.strictEqual(wrong.reason._tag, "DecodeError")
    })
  )

  it.effect("a Content-Length beyond the bound fails before the body is read; that of HEAD means nothing", () =>
    Effect.gen(function* () {
      const headers = { "content-length": "11" }
      const error = yield* Effect.flip(over(() => new Response("x", { headers }), 10).execute(get))
      assert.isTrue(error instanceof BodyTooLarge && error.declaredBytes === 11)
      const head = yield* over(() => new Response(null, { headers }), 10).head("http://a.test/")
      assert.strictEqual(head.headers["content-length"], "11")
      const compressed = { ...headers, "content-encoding": "gzip" }
      assert.strictEqual((yield* over(() => new Response("x", { headers: compressed }), 10).execute(get)).status, 200)
    })
  )

  it.effect("the reader gets no byte beyond the bound", () =>
    Effect.gen(function* () {
      const body = Stream.toReadableStream(Stream.fromIterable([1, 2, 3, 4].map((size) => new Uint8Array(size))))
      const response = yield* over(() => new Response(body), 5).execute(get)
      let read = 0
      const reading = Stream.runForEach(response.stream, (chunk) => Effect.sync(() => (read += chunk.length)))
      assert.isTrue(isTooLarge(yield* Effect.flip(reading)))
      assert.strictEqual(read, 3)
    })
  )
})

describe.each(transports)("bodyLimit over %s", (_, transport) => {
  it.live("a body without end is left at the bound, and its connection closed", () =>
    Effect.gen(function* () {
      const { sockets, url } = yield* serving((_, response) => {
        const more = (): void => {
          while (!response.destroyed && response.write("x".repeat(16_384)));
        }
        response.on("drain", more)
        more()
      })
      const client = ClientChain.make("c")
        .use(bodyLimit({ maxBytes: 1_000_000 }))
        .pipe(ClientChain.over(yield* HttpClient.HttpClient))
      const response = yield* client.get(url)
      assert.isTrue(isTooLarge(yield* Effect.flip(response.text)))
      yield* Effect.repeat(Effect.sleep(5), { until: () => sockets.size === 0 })
    }).pipe(Effect.provide(transport))
  )

  it.live("a response that declares too much is released unread", () =>
    Effect.gen(function* () {
      const { sockets, url } = yield* serving((_, response) => {
        response.writeHead(200, { "content-length": "1000000000" })
        response.write("x".repeat(100_000))
      })
      const client = ClientChain.make("c")
        .use(bodyLimit())
        .pipe(ClientChain.over(yield* HttpClient.HttpClient))
      assert.instanceOf(yield* Effect.flip(client.get(url)), BodyTooLarge)
      yield* Effect.repeat(Effect.sleep(5), { until: () => sockets.size === 0 })
    }).pipe(Effect.provide(transport))
  )
})
