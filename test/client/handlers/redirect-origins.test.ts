import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HttpClientRequest } from "effect/http"
import { ClientChain } from "fairlead/client"
import { redirect, RedirectError } from "fairlead/client/handlers"
import type { RedirectOptions } from "fairlead/client/handlers"
import { TestClient } from "fairlead/testing/client"

const there = "https://b.test/there"

/** The headers and body with which the second origin was asked, or the reason why it was not. */
const crossing = (
  request: HttpClientRequest.HttpClientRequest,
  options: RedirectOptions,
  { location = [there], status = 307 }: { readonly location?: ReadonlyArray<string>; readonly status?: number } = {}
) =>
  Effect.gen(function* () {
    const network = TestClient.make(
      TestClient.always({ url: /a\.test/ }, { status, headers: location.map((value) => ["location", value] as const) }),
      TestClient.always({ url: /b\.test/ }, { status: 200 })
    )
    const result = yield* Effect.result(
      ClientChain.make("c").use(redirect(options)).pipe(ClientChain.over(network.client)).execute(request)
    )
    if (result._tag === "Failure") {
      return result.failure instanceof RedirectError ? result.failure.reason._tag : result.failure._tag
    }
    return network.calls.at(-1)
  })

const namesOf = (call: unknown): ReadonlyArray<string> =>
  typeof call === "object" && call !== null && "headers" in call
    ? Object.keys(call.headers as object)
        .filter((name) => name !== "traceparent" && name !== "b3")
        .toSorted()
    : []

const secret = {
  authorization: "Bearer t",
  "proxy-authorization": "p",
  cookie: "a=1",
  "x-access-token": "t",
  "x-amz-security-token": "t",
  "x-functions-key": "k",
  "private-token": "t",
  dpop: "d"
}
const asking = HttpClientRequest.post("https://a.test/", {
  headers: { ...secret, accept: "*/*", "x-tenant": "1", "x-api-key": "k" }
}).pipe(HttpClientRequest.bodyText("body", "text/plain"))

describe("redirect across origins", () => {
  it.effect("client2 3.2: no header with the name of a secret crosses, and others do", () =>
    Effect.gen(function* () {
      const call = yield* crossing(asking, {})
      assert.deepStrictEqual(namesOf(call), ["accept", "content-length", "content-type", "x-tenant"])
    })
  )

  it.effect("client2 3.2: keepHeaders cross although they look like secrets", () =>
    Effect.gen(function* () {
      const call = yield* crossing(asking, { keepHeaders: ["X-Api-Key"], sensitiveHeaders: ["x-tenant"] })
      assert.deepStrictEqual(namesOf(call), ["accept", "content-length", "content-type", "x-api-key"])
    })
  )

  it.effect("client2 3.2: strict lets only the listed headers and those of the body cross", () =>
    Effect.gen(function* () {
      const call = yield* crossing(asking, { strict: true, keepHeaders: ["accept"] })
      assert.deepStrictEqual(namesOf(call), ["accept", "content-length", "content-type"])
    })
  )

  it.effect("client2 3.2: allowedOrigins refuses every other origin, and never the request's own", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* crossing(asking, { allowedOrigins: ["https://c.test"] }), "OriginForbidden")
      assert.isObject(yield* crossing(asking, { allowedOrigins: ["https://b.test"] }))
      assert.throws(() => redirect({ allowedOrigins: ["b.test"] }), /allowedOrigins.*is no origin/)
    })
  )

  it.effect("client2 3.2: a kept body crosses origins unless the options forbid it; a dropped one is no matter", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* crossing(asking, { crossOriginBody: "fail" }), "CrossOriginBody")
      assert.isObject(yield* crossing(asking, { crossOriginBody: "fail" }, { status: 303 }))
      const get = HttpClientRequest.get("https://a.test/")
      assert.isObject(yield* crossing(get, { crossOriginBody: "fail" }))
    })
  )
})

describe("several Location lines", () => {
  it.effect("client2 3.3: are followed when they are equal, and are an error when they differ", () =>
    Effect.gen(function* () {
      const get = HttpClientRequest.get("https://a.test/")
      const equal = yield* crossing(get, {}, { location: [there, there] })
      assert.deepStrictEqual(typeof equal === "object" ? equal.url : equal, there)
      assert.strictEqual(yield* crossing(get, {}, { location: [there, "https://b.test/x"] }), "InvalidLocation")
      assert.strictEqual(yield* crossing(get, {}, { location: ["/a", "/b"] }), "InvalidLocation")
    })
  )

  it.effect("client2 3.3: a blank after a comma inside of one URL is no second line", () =>
    Effect.gen(function* () {
      const call = yield* crossing(HttpClientRequest.get("https://a.test/"), {}, { location: ["https://b.test/a, b"] })
      assert.deepStrictEqual(typeof call === "object" ? call.url : call, "https://b.test/a,%20b")
    })
  )
})
