import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Stream } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { TestClient } from "fairlead/testing/client"

const rooms = "https://api.test/rooms"

/** The message of the defect that a request ends with. */
const defectOf = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(Effect.exit(effect), (exit) => {
    const died = Exit.isFailure(exit) ? exit.cause.reasons.find(Cause.isDieReason)?.defect : undefined
    assert.instanceOf(died, TestClient.TestClientError)
    assert.strictEqual(died.reason._tag, "UnmatchedRequest")
    return died.message.split("\n")
  })

const get = (network: TestClient.TestClient, url = rooms) => network.client.execute(HttpClientRequest.get(url))

describe("the scripted network answers", () => {
  it.effect("one request after another, each answer once", () =>
    Effect.gen(function* () {
      const network = TestClient.make(
        TestClient.once(`GET ${rooms}`, { json: ["a"] }, { status: 503, headers: { "retry-after": "2" } }),
        TestClient.once({ method: "post" }, { status: 204 })
      )
      const first = yield* get(network)
      assert.deepStrictEqual(yield* first.json, ["a"])
      assert.strictEqual(first.headers["content-type"], "application/json")
      assert.strictEqual((yield* network.client.execute(HttpClientRequest.post(rooms))).status, 204)
      const second = yield* get(network)
      assert.deepStrictEqual([second.status, second.headers["retry-after"]], [503, "2"])
      assert.deepStrictEqual(
        network.calls.map(({ method, status }) => [method, status]),
        [
          ["GET", 200],
          ["POST", 204],
          ["GET", 503]
        ]
      )
      yield* network.verify
    })
  )

  it.effect("as the service, all requests of a kind, by a function of the request", () =>
    Effect.gen(function* () {
      const network = TestClient.make(TestClient.always({ url: /\/echo$/ }, (_, { body }) => Effect.succeed({ body })))
      const echo = (text: string) =>
        HttpClient.post("https://api.test/echo", {
          body: HttpClientRequest.bodyText(HttpClientRequest.get(""), text).body
        })
      const texts = yield* Effect.forEach(["one", "two"], (text) =>
        Effect.flatMap(echo(text), ({ text }) => text)
      ).pipe(Effect.provide(network.layer))
      assert.deepStrictEqual(texts, ["one", "two"])
    })
  )

  it.effect("with a delay by the caller's clock, and an interruption that is seen", () =>
    Effect.gen(function* () {
      const network = TestClient.make(TestClient.once("GET /rooms", { delay: "2 seconds" }, TestClient.silence))
      const slow = yield* Effect.forkChild(get(network))
      yield* TestClock.adjust("1999 millis")
      assert.strictEqual(network.calls[0]?.state, "waiting")
      yield* TestClock.adjust("1 millis")
      assert.strictEqual((yield* Fiber.join(slow)).status, 200)

      const lost = yield* Effect.forkChild(get(network))
      yield* TestClock.adjust("1 hour")
      yield* Fiber.interrupt(lost)
      assert.strictEqual(network.calls[1]?.state, "interrupted")
    })
  )

  it.effect("with a failure of the network", () =>
    Effect.gen(function* () {
      const network = TestClient.make(TestClient.once("GET /rooms", TestClient.fails("reset", new Error("ECONNRESET"))))
      const error = yield* Effect.flip(get(network))
      assert.strictEqual(error.reason._tag, "TransportError")
      assert.strictEqual(error.message, `Transport: reset (GET ${rooms})`)
      assert.strictEqual(network.calls[0]?.state, "failed")
    })
  )

  it.effect("with several lines of one name, as a network does", () =>
    Effect.gen(function* () {
      const headers = [
        ["set-cookie", "a=1; Path=/"],
        ["set-cookie", "b=2"]
      ] as const
      const network = TestClient.make(TestClient.always("GET /rooms", { headers }))
      const { cookies } = yield* get(network)
      assert.deepStrictEqual(Object.keys(cookies.cookies), ["a", "b"])
    })
  )
})

describe("a response's body", () => {
  const chunks = ["one ", "two"].map((text) => new TextEncoder().encode(text))

  it.effect("comes chunk by chunk, and is read, left unread, cancelled or broken", () =>
    Effect.gen(function* () {
      const network = TestClient.make(
        TestClient.once(
          "GET /rooms",
          { body: Stream.fromIterable(chunks) },
          { body: Stream.fromIterable(chunks).pipe(Stream.rechunk(1)) },
          { body: Stream.concat(Stream.succeed(chunks[0]!), Stream.never) },
          { body: Stream.concat(Stream.succeed(chunks[0]!), Stream.fail("reset")) }
        )
      )
      assert.strictEqual(yield* (yield* get(network)).text, "one two")
      yield* get(network)
      const first = yield* Stream.runHead((yield* get(network)).stream)
      assert.strictEqual(first._tag, "Some")
      const error = yield* Effect.flip((yield* get(network)).text)
      assert.strictEqual(error.reason._tag, "DecodeError")
      assert.deepStrictEqual(
        network.calls.map(({ responseBody }) => responseBody),
        ["read", "unread", "cancelled", "broken"]
      )
    })
  )

  it.effect("ends when the scope of its request does", () =>
    Effect.gen(function* () {
      const network = TestClient.make(TestClient.always("GET /rooms", { body: Stream.never }))
      const client = HttpClient.withScope(network.client)
      const reading = yield* Effect.forkChild(
        Effect.gen(function* () {
          const response = yield* Effect.scoped(client.execute(HttpClientRequest.get(rooms)))
          return yield* Effect.flip(response.text)
        })
      )
      assert.strictEqual((yield* Fiber.join(reading)).reason._tag, "DecodeError")
    })
  )
})

describe("a request that the script does not answer is a defect", () => {
  const post = (network: TestClient.TestClient, json: unknown, url = `${rooms}?limit=2`) =>
    network.client.execute(HttpClientRequest.post(url).pipe(HttpClientRequest.bodyJsonUnsafe(json)))

  it.effect("that says what is different from the nearest line", () =>
    Effect.gen(function* () {
      const network = TestClient.make(
        TestClient.always("GET https://other.test/", {}),
        TestClient.always({ method: "POST", url: "/rooms?limit=3", json: { name: "lobby", tags: ["a", "b"] } }, {})
      )
      assert.deepStrictEqual(yield* defectOf(post(network, { name: "Lobby", tags: ["a"] })), [
        `POST ${rooms}?limit=2: no line of the script answers it; the nearest is POST /rooms?limit=3`,
        `  query limit: expected "3", got "2"`,
        `  body.name: expected "lobby", got "Lobby"`,
        `  body.tags[1]: expected "b", got nothing`
      ])
      assert.strictEqual(network.calls[0]?.state, "failed")
    })
  )

  it.effect("by headers, text and bytes too", () =>
    Effect.gen(function* () {
      const line = (expected: TestClient.ExpectedRequest) => TestClient.make(TestClient.always(expected, {}))
      const differences = (expected: TestClient.ExpectedRequest, body: string | Uint8Array) =>
        Effect.map(
          defectOf(
            line(expected).client.execute(
              HttpClientRequest.post(rooms).pipe(
                HttpClientRequest.setHeader("accept", "text/html"),
                typeof body === "string" ? HttpClientRequest.bodyText(body) : HttpClientRequest.bodyUint8Array(body)
              )
            )
          ),
          (lines) => lines.slice(1)
        )
      assert.deepStrictEqual(yield* differences({ headers: { Accept: /json/, host: "a", "x-no": undefined } }, ""), [
        `  header Accept: expected "/json/", got "text/html"`,
        `  header host: expected "a", got nothing`
      ])
      assert.deepStrictEqual(yield* differences({ body: "a\nb\nc" }, "a\nB\nc"), [
        `  body line 2: expected "b", got "B"`
      ])
      assert.deepStrictEqual(yield* differences({ body: new Uint8Array([255, 1]) }, new Uint8Array([255, 2, 3])), [
        `  body: expected 2 bytes, got 3, different from byte 1 on`
      ])
      assert.deepStrictEqual(yield* differences({ json: 1 }, "one"), [`  body: expected JSON, got "one"`])
    })
  )

  it.effect("when the answers are used up, and without any", () =>
    Effect.gen(function* () {
      const network = TestClient.make(TestClient.once("GET /rooms", {}))
      yield* get(network)
      assert.deepStrictEqual(yield* defectOf(get(network)), [
        `GET ${rooms}: no line of the script answers it; the nearest is GET /rooms`,
        "  its answers are used up: add one, or let it answer always"
      ])
      assert.deepStrictEqual(yield* defectOf(get(TestClient.make())), [`GET ${rooms}: the script is empty`])
    })
  )

  it.effect("verify fails with the replies that no request asked for", () =>
    Effect.gen(function* () {
      const network = TestClient.make(TestClient.once("GET /rooms", {}, {}), TestClient.always("GET /", {}))
      yield* get(network)
      const { message, reason } = yield* Effect.flip(network.verify)
      assert.strictEqual(message, "No request asked for these replies:\n  GET /rooms: 1 left")
      assert.deepStrictEqual(reason, { _tag: "UnusedReplies", lines: ["GET /rooms: 1 left"] })
    })
  )
})

describe("a request's body is seen as it was sent", () => {
  const sent = (body: (request: HttpClientRequest.HttpClientRequest) => HttpClientRequest.HttpClientRequest) =>
    Effect.gen(function* () {
      const network = TestClient.make(TestClient.always({}, {}))
      yield* network.client.execute(body(HttpClientRequest.post(rooms)))
      return new TextDecoder().decode(network.calls[0]!.body)
    })

  it.effect("a stream whole, a form with a constant boundary", () =>
    Effect.gen(function* () {
      const stream = Stream.fromIterable(["one ", "two"].map((text) => new TextEncoder().encode(text)))
      assert.strictEqual(yield* sent(HttpClientRequest.bodyStream(stream)), "one two")
      const form = new FormData()
      form.append("name", "Ada")
      form.append("file", new File(["data"], "a.txt", { type: "text/plain" }))
      const lines = [
        "--fairlead-form",
        `content-disposition: form-data; name="name"`,
        "",
        "Ada",
        "--fairlead-form",
        `content-disposition: form-data; name="file"; filename="a.txt"`,
        "content-type: text/plain",
        "",
        "data",
        "--fairlead-form--",
        ""
      ]
      assert.strictEqual(yield* sent(HttpClientRequest.bodyFormData(form)), lines.join("\r\n"))
    })
  )

  it.effect("one that breaks off fails the request", () =>
    Effect.gen(function* () {
      const network = TestClient.make(TestClient.always({}, {}))
      const broken = HttpClientRequest.post(rooms).pipe(HttpClientRequest.bodyStream(Stream.fail("disk")))
      const error = yield* Effect.flip(network.client.execute(broken))
      assert.strictEqual(error.reason._tag, "EncodeError")
      assert.deepStrictEqual(network.calls, [])
    })
  )
})
