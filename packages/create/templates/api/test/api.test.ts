import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { Middleware } from "fairlead/server"
import { TestApp } from "fairlead/testing/app"

import { api } from "../src/Api.ts"
import { CurrentUser, Login, LoginByToken } from "../src/Login.ts"

const asLinus = Login.layer(Middleware.before("as-linus", CurrentUser, () => ({ name: "Linus" })))

it.effect("stores a note for its author", () =>
  Effect.gen(function* () {
    const app = yield* TestApp.make(api.override(LoginByToken, asLinus))
    const added = yield* app.post("/notes", { json: { text: "buy tea" } })
    TestApp.expect(added, { status: 201, json: { id: 1, author: "Linus", text: "buy tea" } })
    TestApp.expect(yield* app.get("/notes/1"), { status: 200, json: { id: 1, author: "Linus", text: "buy tea" } })
    assert.lengthOf((yield* app.get("/notes")).json() as Array<unknown>, 1)
  })
)

it.effect("rejects requests that it cannot serve", () =>
  Effect.gen(function* () {
    const app = yield* TestApp.make(api)
    const authorization = "Bearer ada"
    TestApp.expect(yield* app.post("/notes", { json: { text: "buy tea" } }), { status: 401 })
    TestApp.expect(yield* app.post("/notes", { json: { text: "" }, headers: { authorization } }), { status: 400 })
    TestApp.expect(yield* app.get("/notes/one"), { status: 400 })
    TestApp.expect(yield* app.get("/notes/7"), { status: 404 })
  })
)
