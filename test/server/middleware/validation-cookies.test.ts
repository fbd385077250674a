import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { HttpServerResponse } from "effect/http"
import { Pipeline } from "fairlead/server"
import { RequestInput, validation } from "fairlead/server/middleware"
import { TestServer } from "fairlead/testing/server"

const faultsOf = (text: string): ReadonlyArray<string> =>
  (JSON.parse(text) as { errors: ReadonlyArray<{ in: string; pointer: string }> }).errors.map(
    (fault) => `${fault.in} ${fault.pointer}`
  )

describe("validation of cookies", () => {
  class Visit extends RequestInput<Visit>()("test/Visit", {
    cookies: Schema.Struct({ visits: Schema.FiniteFromString, theme: Schema.optionalKey(Schema.Literals(["dark"])) })
  }) {}
  const app = Pipeline.make("visits")
    .before(validation(Visit, { onExcessProperty: "error" }))
    .handle(Effect.map(Visit, ({ cookies }) => HttpServerResponse.jsonUnsafe(cookies)))
    .respond()
  const get = (cookie?: string) =>
    Effect.flatMap(TestServer.make(app), (server) =>
      server.get("/", cookie === undefined ? {} : { headers: { cookie } })
    )

  it.effect("provides them decoded; the first of a name counts, and others are no fault", () =>
    Effect.gen(function* () {
      for (const cookie of [
        "visits=7; theme=dark",
        'visits="7"; theme=dark; visits=8; other=1',
        "x; visits=%37;theme=dark"
      ]) {
        assert.deepStrictEqual(JSON.parse((yield* get(cookie)).text), { visits: 7, theme: "dark" }, cookie)
      }
    })
  )

  it.effect("lists faults by the cookie's name, and quotes no value", () =>
    Effect.gen(function* () {
      for (const [cookie, faults] of [
        [undefined, ["cookies #/visits"]],
        ["", ["cookies #/visits"]],
        ["visits=s3cret; theme=s3cret", ["cookies #/visits", "cookies #/theme"]],
        ["__proto__=1; constructor=2; toString=3", ["cookies #/visits"]],
        [`${"a;".repeat(4000)}visits`, ["cookies #/visits"]]
      ] as const) {
        const reply = yield* get(cookie)
        assert.deepStrictEqual([reply.status, faultsOf(reply.text)], [422, faults], cookie?.slice(0, 40))
        assert.notInclude(reply.text, "s3cret")
      }
    })
  )
})
