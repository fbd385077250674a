/** The routes, and the application that serves them. */
import { Effect, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { App } from "fairlead/app"
import { health } from "fairlead/app/fairings"
import { Pipeline } from "fairlead/server"

import { CurrentUser, Login, LoginByToken } from "./Login.ts"
import { Notes, NotesInMemory } from "./Notes.ts"

const problem = (status: number, detail: string) => HttpServerResponse.jsonUnsafe({ status, detail }, { status })

const list = Pipeline.make("list-notes").handle(
  Effect.gen(function* () {
    const notes = yield* Notes
    return HttpServerResponse.jsonUnsafe(yield* notes.all)
  })
)

const Id = HttpRouter.schemaPathParams(Schema.Struct({ id: Schema.FiniteFromString.check(Schema.isInt()) }))

const show = Pipeline.make("show-note")
  .handle(
    Effect.gen(function* () {
      const { id } = yield* Id
      const notes = yield* Notes
      return HttpServerResponse.jsonUnsafe(yield* notes.find(id))
    })
  )
  .catchTag("SchemaError", () => problem(400, "The id must be a whole number"))
  .catchTag("NoteNotFound", ({ id }) => problem(404, `There is no note ${id}`))

const NewNote = HttpServerRequest.schemaBodyJson(Schema.Struct({ text: Schema.NonEmptyString }))

const add = Pipeline.make("add-note")
  .before(Login)
  .handle(
    Effect.gen(function* () {
      const { name } = yield* CurrentUser
      const { text } = yield* NewNote
      const notes = yield* Notes
      return HttpServerResponse.jsonUnsafe(yield* notes.add(name, text), { status: 201 })
    })
  )
  .catchTag("SignedOut", () => problem(401, "Send a token: Authorization: Bearer ada"))
  .catchTag("SchemaError", () => problem(400, "Send JSON with a non-empty text"))
  .catchTag("HttpServerError", () => problem(400, "The body cannot be read"))

/** Layers are available to everything that is declared after them. */
export const api = App.make("api")
  .manage(NotesInMemory)
  .manage(LoginByToken)
  .attach(health())
  .mount(HttpRouter.add("GET", "/notes", list))
  .mount(HttpRouter.add("GET", "/notes/:id", show))
  .mount(HttpRouter.add("POST", "/notes", add))
