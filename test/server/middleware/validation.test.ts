import { gzipSync } from "node:zlib"

import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Schema } from "effect"
import { HttpMiddleware, HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { InvalidOption } from "fairlead"
import { Middleware, Pipeline } from "fairlead/server"
import { bodyLimit, RequestInput, validation, RequestInputError } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"

class CreateRoom extends RequestInput<CreateRoom>()("test/CreateRoom", {
  query: Schema.Struct({
    notify: Schema.optionalKey(Schema.Literals(["yes", "no"])),
    tag: Schema.optionalKey(Schema.ArrayEnsure(Schema.String))
  }),
  headers: Schema.Struct({ "x-tenant": Schema.NonEmptyString }),
  body: Schema.Struct({
    name: Schema.NonEmptyString,
    seats: Schema.Int,
    owners: Schema.optionalKey(Schema.Array(Schema.Struct({ "id/~": Schema.FiniteFromString })))
  })
}) {}

class Json extends RequestInput<Json>()("test/Json", { body: Schema.Unknown }) {}

const echo = Effect.map(CreateRoom, (input) => HttpServerResponse.jsonUnsafe(input))
const echoJson = Effect.map(Json, ({ body }) => HttpServerResponse.jsonUnsafe({ body }))

const rooms = Pipeline.make("rooms").before(validation(CreateRoom)).handle(echo).respond()
const json = (options: Parameters<typeof validation>[1] = {}) =>
  Pipeline.make("json").before(validation(Json, options)).handle(echoJson).respond()

const typed = { "content-type": "application/json", "x-tenant": "acme" }

const post = (app: Pipeline.Closed<never, never, never>, body: BodyInit, headers: Record<string, string> = typed) =>
  Effect.gen(function* () {
    const server = yield* TestServer.make(app)
    return yield* server.post("/", { body: body as string, headers })
  })

const faultsOf = (text: string): ReadonlyArray<string> =>
  (JSON.parse(text) as { errors: ReadonlyArray<{ in: string; pointer: string }> }).errors.map(
    (fault) => `${fault.in} ${fault.pointer}`
  )

class Guard extends Middleware.Service<Guard>()("test/Validation", {
  provides: CreateRoom,
  error: RequestInputError
}) {}

describe("validation", () => {
  it.effect("provides the decoded parts", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.make(rooms)
      const body = JSON.stringify({ name: "Blue", seats: 4, owners: [{ "id/~": "7" }], more: true })
      const reply = yield* server.post("/?notify=yes&tag=a&other", { body, headers: typed })
      assert.deepStrictEqual(JSON.parse(reply.text), {
        query: { notify: "yes", tag: ["a"] },
        headers: { "x-tenant": "acme" },
        body: { name: "Blue", seats: 4, owners: [{ "id/~": 7 }] }
      })
    })
  )

  it.effect("provides the parameters of a route", () =>
    Effect.gen(function* () {
      class Room extends RequestInput<Room>()("test/Room", {
        params: Schema.Struct({ id: Schema.FiniteFromString })
      }) {}
      const show = Pipeline.make("show")
        .before(validation(Room))
        .handle(Effect.map(Room, ({ params }) => HttpServerResponse.text(String(params.id + 1))))
        .respond()
      const routes = HttpRouter.toWebHandler(HttpRouter.add("GET", "/rooms/:id", show), { disableLogger: true })
      const get = (path: string) =>
        Effect.promise(async () => {
          const response = await routes.handler(new Request(`http://t${path}`), Context.empty())
          return [response.status, await response.text()] as const
        })
      assert.deepStrictEqual(yield* get("/rooms/7"), [200, "8"])
      const [status, text] = yield* get("/rooms/seven")
      assert.deepStrictEqual([status, faultsOf(text)], [422, ["params #/id"]])
      yield* Effect.promise(() => routes.dispose())
    })
  )

  it.effect("lists every fault of every part with its path, as problem details", () =>
    Effect.gen(function* () {
      const server = yield* TestServer.make(rooms)
      const body = JSON.stringify({ name: "", seats: 1.5, owners: [{ "id/~": "1" }, { "id/~": "secret-word" }] })
      const reply = yield* server.post("/?notify=perhaps", {
        body,
        headers: { "content-type": "application/json" }
      })
      assert.strictEqual(reply.status, 422)
      assert.strictEqual(reply.headers.get("content-type"), "application/problem+json")
      assert.deepStrictEqual(faultsOf(reply.text), [
        "query #/notify",
        "headers #/x-tenant",
        "body #/name",
        "body #/seats",
        "body #/owners/1/id~1~0"
      ])
      assert.notInclude(reply.text, "secret-word")
      assert.notInclude(reply.text, "perhaps")
    })
  )

  it.effect("keeps types (415), syntax (400) and meaning (422) apart", () =>
    Effect.gen(function* () {
      const good = JSON.stringify({ name: "Blue", seats: 4 })
      for (const [type, body, status] of [
        ["application/json", good, 200],
        ["APPLICATION/JSON;charset=UTF-8", good, 200],
        ['application/json; charset="utf-8"', good, 200],
        ["application/vnd.api+json", good, 200],
        ["text/plain", good, 415],
        ["text/json", good, 415],
        ["application/jsonp", good, 415],
        ["application/json; charset=utf-16", good, 415],
        ["application/json, text/plain", good, 415],
        ["application/x-www-form-urlencoded", "name=Blue&seats=4", 415],
        ["", good, 415],
        ["multipart/form-data; boundary=x", good, 415],
        [`${"a".repeat(10_000)}/json`, good, 415],
        ["application/json", "", 400],
        ["application/json", "{", 400],
        ["application/json", "{'name': 1}", 400],
        ["application/json", "NaN", 400],
        ["application/json", `${good} x`, 400],
        ["application/json", "{}", 422],
        ["application/json", "null", 422],
        ["application/json", "[]", 422]
      ] as const) {
        const reply = yield* post(rooms, new Blob([body]).stream(), { ...typed, "content-type": type })
        assert.strictEqual(reply.status, status, `${type.slice(0, 60)} ${body}`)
        if (status === 415) assert.strictEqual(reply.headers.get("accept"), "application/json")
      }
    })
  )

  it.effect("answers 415 to a body without a type, and leaves an absent body to the schema", () =>
    Effect.gen(function* () {
      class Maybe extends RequestInput<Maybe>()("test/Maybe", {
        body: Schema.UndefinedOr(Schema.Struct({ a: Schema.Number }))
      }) {}
      const app = Pipeline.make("maybe")
        .before(validation(Maybe))
        .handle(Effect.map(Maybe, ({ body }) => HttpServerResponse.text(String(body?.a))))
        .respond()
      const server = yield* TestServer.make(app)
      assert.strictEqual((yield* server.get("/")).text, "undefined")
      const bytes = new Blob(['{"a":1}']).stream()
      assert.strictEqual((yield* server.post("/", { body: bytes as never })).status, 415)
      const strict = yield* TestServer.make(rooms)
      assert.strictEqual((yield* strict.get("/", { headers: { "x-tenant": "a" } })).status, 422)
    })
  )

  it.effect("does not quote the body where it cannot be parsed", () =>
    Effect.gen(function* () {
      const reply = yield* post(json(), '{"password": hunter2}')
      assert.strictEqual(reply.status, 400)
      assert.notInclude(reply.text, "hunter")
      assert.include((yield* post(json(), '{"a" 1}')).text, "see character 5")
    })
  )

  it.effect("answers 415 with Accept-Encoding to a coded body, unless decompression is outside", () =>
    Effect.gen(function* () {
      const headers = { ...typed, "content-encoding": "gzip" }
      const body = () => new Blob([gzipSync("[1]")]).stream() as never
      const coded = yield* post(json(), body(), headers)
      assert.deepStrictEqual([coded.status, coded.headers.get("accept-encoding")], [415, "identity"])
      const inside = Pipeline.make("p")
        .outer(Middleware.outer("decompression", (app) => HttpMiddleware.decompression()(app)))
        .before(validation(Json))
        .handle(echoJson)
        .respond()
      assert.strictEqual((yield* post(inside, body(), headers)).text, '{"body":[1]}')
    })
  )

  it.effect("leaves a body that is too large to bodyLimit: 413, and never bad JSON", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .before(bodyLimit({ maxBytes: 10 }))
        .before(validation(Json))
        .handle(echoJson)
        .respond()
      for (const headers of [typed, { ...typed, "content-length": "30" }]) {
        const reply = yield* post(app, new Blob(["[".repeat(30)]).stream() as never, headers)
        assert.strictEqual(reply.status, 413)
      }
      const large = new Blob([`"${"x".repeat(1024 * 1024)}"`])
      assert.strictEqual((yield* post(json(), large.stream() as never)).status, 413)
      // A larger limit of bodyLimit holds.
      const larger = Pipeline.make("p")
        .before(bodyLimit({ maxBytes: "2 MiB" }))
        .before(validation(Json))
        .handle(HttpServerResponse.text("read"))
        .respond()
      assert.strictEqual((yield* post(larger, large.stream() as never)).text, "read")
      const reason = yield* Pipeline.make("p")
        .before(bodyLimit({ maxBytes: 3 }))
        .before(validation(Json))
        .handle(echoJson)
        .pipe(
          Effect.provideService(
            HttpServerRequest.HttpServerRequest,
            HttpServerRequest.fromWeb(new Request("http://t/", { method: "POST", body: "[1,2]", headers: typed }))
          ),
          Effect.scoped,
          Effect.flip
        )
      assert.strictEqual(reason._tag, "HttpServerError")
    })
  )

  it.effect("lists maxFaults faults at most, with bounded paths", () =>
    Effect.gen(function* () {
      class Numbers extends RequestInput<Numbers>()("test/Numbers", {
        body: Schema.Record(Schema.String, Schema.Number)
      }) {}
      const app = (maxFaults?: number) =>
        Pipeline.make("p").before(validation(Numbers, { maxFaults })).handle(HttpServerResponse.empty()).respond()
      const many = JSON.stringify(Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`k${at}`, "x"])))
      assert.lengthOf(faultsOf((yield* post(app(), many)).text), 100)
      assert.lengthOf(faultsOf((yield* post(app(2), many)).text), 2)
      // Beyond 64 KiB the first alone.
      const large = yield* post(app(), JSON.stringify(Array.from({ length: 40_000 }, () => "x")))
      assert.lengthOf(faultsOf(large.text), 1)
      const long = yield* post(app(), JSON.stringify({ [`\ud800${"k".repeat(50_000)}`]: "x" }))
      assert.isBelow(long.text.length, 1000)
    })
  )

  it.effect("names unknown keys of the body as faults with onExcessProperty: error", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .before(validation(CreateRoom, { onExcessProperty: "error" }))
        .handle(echo)
        .respond()
      const reply = yield* post(app, JSON.stringify({ name: "Blue", seats: 4, isAdmin: true }))
      assert.deepStrictEqual([reply.status, faultsOf(reply.text)], [422, ["body #/isAdmin"]])
    })
  )

  it.effect("reads forms where they are among bodyTypes", () =>
    Effect.gen(function* () {
      class Form extends RequestInput<Form>()("test/Form", {
        body: Schema.Struct({
          name: Schema.String,
          seats: Schema.FiniteFromString,
          tag: Schema.ArrayEnsure(Schema.String)
        })
      }) {}
      const app = Pipeline.make("form")
        .before(validation(Form, { bodyTypes: ["form"] }))
        .handle(Effect.map(Form, (input) => HttpServerResponse.jsonUnsafe(input)))
        .respond()
      const form = { "content-type": "application/x-www-form-urlencoded" }
      const reply = yield* post(app, "name=Bl%C3%BCe+1&seats=4&tag=a&tag=b", form)
      assert.deepStrictEqual(JSON.parse(reply.text), { body: { name: "Blüe 1", seats: 4, tag: ["a", "b"] } })
      const wrong = yield* post(app, "{}", typed)
      assert.deepStrictEqual([wrong.status, wrong.headers.get("accept")], [415, "application/x-www-form-urlencoded"])
    })
  )

  it.effect("decodes once more when it is mounted twice, and the handler still reads the body", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("twice")
        .before(validation(Json))
        .before(validation(Json))
        .handle(
          Effect.map(
            Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => text),
            HttpServerResponse.text
          )
        )
        .respond()
      assert.strictEqual((yield* post(app, "[1]")).text, "[1]")
    })
  )

  it.effect("is implemented as a Layer too", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("class").before(Guard).handle(echo).respond()
      const live = Guard.layer(
        Middleware.before("fixed", CreateRoom, () => ({
          query: {},
          headers: { "x-tenant": "t" },
          body: { name: "fixed", seats: 1 }
        }))
      )
      const server = yield* TestServer.make(app, live)
      assert.include((yield* server.get("/")).text, "fixed")
    })
  )

  it.effect("can be caught by its reason", () =>
    Effect.gen(function* () {
      const app = Pipeline.make("p")
        .before(validation(Json))
        .handle(echoJson)
        .catchReason("RequestInputError", "MalformedBody", ({ detail }) => HttpServerResponse.text(detail))
        .respond()
      assert.strictEqual((yield* post(app, "")).text, "The body is empty: send JSON")
    })
  )

  it("throws for options and schemas that cannot work", () => {
    for (const options of [
      { maxDepth: 0 },
      { maxFaults: Number.NaN },
      { maxParts: 0 },
      { maxFiles: -1 },
      { maxFiles: 1.5 },
      { maxPartBytes: Number.NaN },
      { maxPartBytes: "much" },
      { bodyTypes: [] },
      { bodyTypes: ["xml"] },
      { onExcessProperty: "drop" }
    ]) {
      assert.throws(() => validation(Json, options as never), InvalidOption)
    }
    assert.throws(() => RequestInput<Json>()("test/None", {}), InvalidOption)
    assert.throws(() => RequestInput<Json>()("test/Other", { session: Schema.Unknown } as never), InvalidOption)
  })
})
