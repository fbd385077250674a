/** Sessions of Harbour's page, in process. */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Console, Effect } from "effect"
import { TestApp } from "fairlead/testing/app"

import { harbour } from "../../examples/harbour/Harbour.ts"
import { dataFile } from "./Process.ts"

const silent: Console.Console = { ...console, log: () => {} }

/** Harbour with a browser: what sets a cookie is sent back. */
const visited = (settings: Readonly<Record<string, string>> = {}, origin = "https://harbour.test") =>
  TestApp.make(harbour, undefined, { origin }).pipe(
    Effect.provideService(
      ConfigProvider.ConfigProvider,
      ConfigProvider.fromUnknown({ HARBOUR_DATA: ":memory:", ...settings })
    ),
    Effect.provideService(Console.Console, silent)
  )

describe("sessions", () => {
  it.live("harbour: a visitor who joins writes without a token, and no more after signing out", () =>
    Effect.gen(function* () {
      const app = yield* visited()
      assert.deepStrictEqual((yield* app.get("/api/session")).json(), { name: null })
      const joined = yield* app.post("/api/session", { json: { name: "Ada" } })
      assert.deepStrictEqual([joined.status, joined.json()], [201, { name: "Ada" }])
      const [cookie] = joined.headers.getSetCookie()
      assert.match(cookie!, /^__Host-harbour=[\w-]{43}; Max-Age=31536000; Path=\/; .*HttpOnly; Secure; SameSite=Lax$/)
      assert.deepStrictEqual((yield* app.get("/api/session")).json(), { name: "Ada" })
      assert.include((yield* app.post("/api/rooms", { json: { name: "quay" } })).json(), { createdBy: "Ada" })

      const out = yield* app.send("DELETE", "/api/session")
      assert.deepStrictEqual([out.status, out.headers.get("clear-site-data")], [204, '"storage"'])
      assert.deepStrictEqual((yield* app.get("/api/session")).json(), { name: null })
      assert.strictEqual((yield* app.post("/api/rooms", { json: { name: "dock" } })).status, 401)
    })
  )

  it.live("harbour: a member signs in with a token; a wrong one is answered 401 and changes nothing", () =>
    Effect.gen(function* () {
      const app = yield* visited()
      const { token } = (yield* app.post("/api/tokens", { json: { name: "Bob" } })).json() as { readonly token: string }
      assert.strictEqual((yield* app.post("/api/session", { json: { token } })).status, 201)
      assert.deepStrictEqual((yield* app.get("/api/session")).json(), { name: "Bob" })
      const wrong = yield* app.post("/api/session", { json: { token: `hbr_${"A".repeat(43)}` } })
      assert.strictEqual(wrong.status, 401)
      assert.deepStrictEqual((yield* app.get("/api/session")).json(), { name: "Bob" })
    })
  )

  it.live("harbour: a session is there after a restart, and the page of another site cannot use it", () =>
    Effect.gen(function* () {
      const settings = { HARBOUR_DATA: yield* dataFile }
      const cookie = yield* Effect.scoped(
        Effect.gen(function* () {
          const first = yield* visited(settings)
          return (yield* first.post("/api/session", { json: { name: "Ada" } })).headers
            .getSetCookie()[0]!
            .split(";")[0]!
        })
      )
      const again = yield* visited(settings)
      assert.deepStrictEqual((yield* again.get("/api/session", { headers: { cookie } })).json(), { name: "Ada" })
      for (const headers of [{ origin: "https://evil.test" }, { "sec-fetch-site": "cross-site" }]) {
        const forged = yield* again.post("/api/rooms", { json: { name: "evil" }, headers: { cookie, ...headers } })
        assert.deepInclude(forged.json(), { status: 403, code: "CrossSite" })
      }
      const own = { cookie, origin: "https://harbour.test", "sec-fetch-site": "same-origin" }
      assert.strictEqual((yield* again.post("/api/rooms", { json: { name: "quay" }, headers: own })).status, 201)
    })
  )

  it.live("harbour: with HARBOUR_PLAIN_HTTP the cookie has no Secure, so that browsers keep it over plain HTTP", () =>
    Effect.gen(function* () {
      const app = yield* visited({ HARBOUR_PLAIN_HTTP: "true" }, "http://harbour.test")
      const [cookie] = (yield* app.post("/api/session", { json: { name: "Ada" } })).headers.getSetCookie()
      assert.match(cookie!, /^harbour=[\w-]{43}; /)
      assert.notInclude(cookie, "Secure")
      assert.deepStrictEqual((yield* app.get("/api/session")).json(), { name: "Ada" })
    })
  )
})
