import { Readable } from "node:stream"

import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Stream } from "effect"
import { HttpBody, HttpClient, HttpClientRequest } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import { TestClient } from "fairlead/testing/client"

import { noNetwork, rooms, session, text, written } from "./Tape.ts"
import type { Client } from "./Tape.ts"

const bytes = (value: string) => new TextEncoder().encode(value)

const post = (json: unknown) => HttpClientRequest.post(rooms).pipe(HttpClientRequest.bodyJsonUnsafe(json))

const ended = <E>(exit: Exit.Exit<unknown, E>) => {
  assert.isTrue(Exit.isFailure(exit))
  const [reason] = Exit.isFailure(exit) ? exit.cause.reasons : []
  return reason !== undefined && Cause.isDieReason(reason) ? reason.defect : Cause.isFailReason(reason!) && reason.error
}

const detail = (error: unknown): ReadonlyArray<string> => {
  assert.instanceOf(error, TestClient.CassetteError)
  return [error.reason._tag, ...error.description.split("\n")]
}

describe("a cassette is a text that people read", () => {
  it.effect("JSON as JSON, text as lines, bytes as Base64, headers sorted, each body returned byte by byte", () =>
    Effect.gen(function* () {
      const noise = Uint8Array.from({ length: 100 }, (_, index) => 255 - index)
      const network = TestClient.make(
        TestClient.once(`GET ${rooms}`, { json: { rooms: ["lobby"] } }),
        TestClient.once(`GET ${rooms}/poem`, {
          body: "\uFEFFone\ntwo\n\nend",
          headers: { "content-type": "text/plain" }
        }),
        TestClient.once(`GET ${rooms}/noise`, { body: noise, status: 201 }),
        TestClient.once(`GET ${rooms}/odd`, { body: `{ "a": 1 }` }),
        TestClient.once(`GET ${rooms}/none`, { status: 204 })
      )
      const paths = ["", "/poem", "/noise", "/odd", "/none"]
      const all = (client: Client) =>
        Effect.forEach(paths, (path) =>
          Effect.gen(function* () {
            const response = yield* client.execute(HttpClientRequest.get(rooms + path))
            return [response.status, new Uint8Array(yield* response.arrayBuffer), response.headers["content-type"]]
          })
        )
      const live = yield* session({ mode: "record" }, network, all)
      const { json, text: file } = yield* written
      assert.deepStrictEqual(
        json?.interactions.map(({ response }) => response.body),
        [
          { json: { rooms: ["lobby"] } },
          { text: ["\uFEFFone\n", "two\n", "\n", "end"] },
          { base64: json?.interactions[2].response.body.base64 },
          { text: `{ "a": 1 }` },
          undefined
        ]
      )
      assert.deepStrictEqual(
        json?.interactions[2].response.body.base64.map((line: string) => line.length),
        [76, 60]
      )
      assert.match(file, /^\{\n  "cassette": 1,\n  "interactions": \[\n/)
      assert.deepStrictEqual(yield* session({ mode: "replay" }, noNetwork, all), live)
      assert.deepStrictEqual(live[2], [201, noise, undefined])
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("a chunked body comes in the same chunks, and a broken one breaks off", () =>
    Effect.gen(function* () {
      const stream = Stream.fromIterable([bytes("a"), bytes("bc"), bytes("d")]).pipe(Stream.rechunk(1))
      const network = TestClient.make(
        TestClient.once(
          `GET ${rooms}`,
          { body: stream },
          { body: Stream.concat(stream, Stream.fail(new Error("cut"))) }
        )
      )
      const both = (client: Client) =>
        Effect.replicateEffect(
          Effect.gen(function* () {
            const seen: Array<number> = []
            const { stream } = yield* client.execute(HttpClientRequest.get(rooms))
            const exit = yield* Effect.exit(
              Stream.runForEach(stream, ({ length }) => Effect.sync(() => seen.push(length)))
            )
            return [seen, exit._tag]
          }),
          2
        )
      const live = yield* session({ mode: "record" }, network, both)
      assert.deepStrictEqual(live, [
        [[1, 2, 1], "Success"],
        [[1, 2, 1], "Failure"]
      ])
      assert.deepStrictEqual((yield* written).json?.interactions[1].response.body, {
        text: "abcd",
        chunks: [1, 2, 1],
        broken: "cut"
      })
      assert.deepStrictEqual(yield* session({}, noNetwork, both), live)
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("a failure of the network is replayed with its code", () =>
    Effect.gen(function* () {
      const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" })
      const network = TestClient.make(
        TestClient.once(`GET ${rooms}`, TestClient.fails("down", new TypeError("fetch failed", { cause: reset })))
      )
      yield* session({ mode: "record" }, network, (client) => Effect.flip(text(client, rooms)))
      assert.deepStrictEqual((yield* written).json?.interactions[0].failure, {
        description: "down",
        cause: "read ECONNRESET",
        code: "ECONNRESET"
      })
      const error = yield* session({}, noNetwork, (client) => Effect.flip(text(client, rooms)))
      assert.strictEqual(error._tag, "HttpClientError")
      assert.propertyVal(error.cause, "code", "ECONNRESET")
      assert.strictEqual(error.message, `Transport: down (GET ${rooms})`)
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("requests are in the order in which they came, without interrupted ones", () =>
    Effect.gen(function* () {
      const record = Effect.gen(function* () {
        const network = TestClient.make(
          TestClient.once(`GET ${rooms}/slow`, { body: "slow", delay: "2 seconds" }),
          TestClient.once(`GET ${rooms}/never`, TestClient.silence),
          TestClient.once(`GET ${rooms}/fast`, { body: "fast" })
        )
        yield* session({ mode: "record" }, network, (client) =>
          Effect.gen(function* () {
            const slow = yield* Effect.forkChild(text(client, `${rooms}/slow`), { startImmediately: true })
            const never = yield* Effect.forkChild(text(client, `${rooms}/never`), { startImmediately: true })
            yield* text(client, `${rooms}/fast`)
            yield* TestClock.adjust("2 seconds")
            yield* Fiber.interrupt(never)
            yield* Fiber.join(slow)
          })
        )
        return yield* written
      })
      const first = yield* record
      assert.deepStrictEqual(
        first.json?.interactions.map(({ response }) => response.body.text),
        ["slow", "fast"]
      )
      assert.strictEqual((yield* record).text, first.text)
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )
})

describe("the modes", () => {
  const twice = () => TestClient.make(TestClient.once(`GET ${rooms}`, { body: "1" }, { body: "2" }))
  const recorded = <A, E, R>(test: Effect.Effect<A, E, R>) =>
    Effect.andThen(
      session({ mode: "record" }, twice(), (client) => Effect.replicateEffect(text(client, rooms), 2)).pipe(
        Effect.orDie
      ),
      test
    ).pipe(Effect.provide(KeyValueStore.layerMemory))

  it.effect("replay plays equal requests in their order, the last one again, and never asks the network", () =>
    recorded(
      Effect.gen(function* () {
        const texts = yield* session({}, noNetwork, (client) => Effect.replicateEffect(text(client, rooms), 4))
        assert.deepStrictEqual(texts, ["1", "2", "2", "2"])
        const exit = yield* Effect.exit(session({}, noNetwork, (client) => text(client, post({ a: 1 }))))
        assert.deepStrictEqual(detail(ended(exit)), [
          "UnmatchedRequest",
          `POST ${rooms}: not recorded; the nearest is interaction 1: GET ${rooms}`,
          `  method: expected "GET", got "POST"`,
          `  body: expected "", got "{\\"a\\":1}"`
        ])
        assert.strictEqual(noNetwork.calls.length, 0)
      })
    )
  )

  it.effect("auto plays each interaction once and adds the others; record begins with an empty cassette", () =>
    Effect.gen(function* () {
      const network = TestClient.make(
        TestClient.once(`GET ${rooms}`, { body: "1" }, { body: "2" }, { body: "3" }, { body: "4" })
      )
      const read = (count: number) => (client: Client) => Effect.replicateEffect(text(client, rooms), count)
      assert.deepStrictEqual(yield* session({ mode: "auto" }, network, read(1)), ["1"])
      assert.deepStrictEqual(yield* session({ mode: "auto" }, network, read(3)), ["1", "2", "3"])
      assert.strictEqual((yield* written).json?.interactions.length, 3)
      assert.deepStrictEqual(yield* session({ mode: "record" }, network, read(1)), ["4"])
      assert.strictEqual((yield* written).json?.interactions.length, 1)
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("strict wants the recorded order, nothing else, and all of it", () =>
    recorded(
      Effect.gen(function* () {
        const strict = <A, E>(use: (client: Client) => Effect.Effect<A, E>) =>
          Effect.exit(session({ mode: "strict" }, noNetwork, use))
        const read = (count: number) => (client: Client) => Effect.replicateEffect(text(client, rooms), count)
        const whole = yield* strict(read(2))
        assert.deepStrictEqual(whole, Exit.succeed(["1", "2"]))
        assert.deepStrictEqual(detail(ended(yield* strict(read(3)))), [
          "UnmatchedRequest",
          `GET ${rooms}: every recorded interaction has been played`
        ])
        assert.deepStrictEqual(detail(ended(yield* strict(read(1)))), [
          "UnusedInteractions",
          "not asked for:",
          `  GET ${rooms}`
        ])
        assert.deepStrictEqual(detail(ended(yield* strict((client) => text(client, `${rooms}?page=2`)))), [
          "UnmatchedRequest",
          `GET ${rooms}?page=2: not the next interaction, which is interaction 1: GET ${rooms}`,
          `  query page: expected nothing, got "2"`
        ])
      })
    )
  )

  it.effect("a missing or invalid cassette says so", () =>
    Effect.gen(function* () {
      const open = Effect.exit(session({}, noNetwork, () => Effect.void))
      const store = yield* KeyValueStore.KeyValueStore
      assert.deepStrictEqual(detail(ended(yield* open)), [
        "CassetteMissing",
        "it does not exist: run once with the mode `record`"
      ])
      for (const file of ["{", `{"cassette":2,"interactions":[]}`, `{"cassette":1,"interactions":[${neither}]}`]) {
        yield* store.set("tape.json", file)
        const [reason, line] = detail(ended(yield* open))
        assert.strictEqual(reason, "CassetteUnreadable")
        assert.match(line!, /^not a cassette of version 1: ./)
      }
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  const neither = `{"request":{"method":"GET","url":"${rooms}","headers":{}}}`
})

describe("equal requests", () => {
  it.effect("the body, unless it is left out, and the headers that are named", () =>
    Effect.gen(function* () {
      const network = TestClient.make(TestClient.always({}, { body: "ok" }))
      const html = HttpClientRequest.setHeader("accept", "text/html")
      yield* session({ mode: "record" }, network, (client) => text(client, html(post({ at: 1 }))))
      const play = (compare: TestClient.CompareOptions, request: HttpClientRequest.HttpClientRequest) =>
        Effect.map(Effect.exit(session({ compare }, noNetwork, (client) => text(client, request))), (exit) =>
          Exit.isSuccess(exit) ? exit.value : detail(ended(exit)).slice(2)
        )
      assert.deepStrictEqual(yield* play({}, html(post({ at: 2 }))), [`  body.at: expected 1, got 2`])
      assert.strictEqual(yield* play({ body: false }, post({ at: 2 })), "ok")
      assert.deepStrictEqual(yield* play({ headers: ["Accept"] }, post({ at: 1 })), [
        `  header Accept: expected "text/html", got nothing`
      ])
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect.each([
    ["a web stream", () => new Blob(["one two"]).stream()],
    ["a Node stream", () => Readable.from([bytes("one "), bytes("two")])]
  ] as const)("%s as request body is read once, and sent whole", ([, body]) =>
    Effect.gen(function* () {
      const network = TestClient.make(TestClient.once({ method: "POST", body: "one two" }, { body: "ok" }))
      const request = () =>
        HttpClientRequest.setBody(HttpClientRequest.post(rooms), HttpBody.raw(body(), { contentType: "text/plain" }))
      assert.strictEqual(yield* session({ mode: "record" }, network, (client) => text(client, request())), "ok")
      const [{ request: sent }] = (yield* written).json!.interactions
      assert.deepStrictEqual([sent.body, sent.headers["content-type"]], [{ text: "one two" }, "text/plain"])
      assert.strictEqual(yield* session({}, noNetwork, (client) => text(client, request())), "ok")
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )

  it.effect("a streamed request body is recorded and sent whole; one that was spent is not sent again", () =>
    Effect.gen(function* () {
      const network = TestClient.make(TestClient.once({ method: "POST", body: "one two" }, { body: "ok" }))
      const stream = () => Stream.fromIterable([bytes("one "), bytes("two")])
      const request = HttpClientRequest.post(rooms).pipe(HttpClientRequest.bodyStream(stream()))
      const error = yield* session({ mode: "record" }, network, (client) =>
        Effect.andThen(text(client, request), Effect.flip(text(client, request)))
      )
      assert.match(error.message, /the body was a stream and has been sent/)
      const again = HttpClientRequest.post(rooms).pipe(HttpClientRequest.bodyStream(stream()))
      assert.strictEqual(yield* session({}, noNetwork, (client) => text(client, again)), "ok")
    }).pipe(Effect.provide(KeyValueStore.layerMemory))
  )
})

it.effect("over the service, an unrecorded request is a defect", () =>
  Effect.gen(function* () {
    const tape = (mode: "record" | "replay", network: TestClient.TestClient) =>
      TestClient.layerCassette("tape", { mode }).pipe(Layer.provide(network.layer))
    const get = (url: string) => Effect.flatMap(HttpClient.get(url), ({ text }) => text)
    const network = TestClient.make(TestClient.once("GET /rooms", { body: "live" }))
    assert.strictEqual(yield* Effect.provide(get(rooms), tape("record", network)), "live")
    assert.strictEqual(yield* Effect.provide(get(rooms), tape("replay", noNetwork)), "live")
    const exit = yield* Effect.exit(Effect.provide(get(`${rooms}/2`), tape("replay", noNetwork)))
    assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    assert.strictEqual(detail(ended(exit))[0], "UnmatchedRequest")
  }).pipe(Effect.provide(KeyValueStore.layerMemory))
)
