/** Step 2: routes over a service, whose errors must be handled before the application compiles. */
import { Effect, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { App } from "fairlead/app"
import { NodeApp } from "fairlead/app/node"

import { Messages, MessagesLive } from "../Messages.ts"
import { options, SettingsLive } from "../Start.ts"

const list = Effect.flatMap(Messages, (messages) => Effect.map(messages.all, HttpServerResponse.jsonUnsafe))

const badRequest = () => Effect.succeed(HttpServerResponse.empty({ status: 400 }))

const post = Effect.gen(function* () {
  const { author, text } = yield* HttpServerRequest.schemaBodyJson(
    Schema.Struct({ author: Schema.String, text: Schema.NonEmptyString })
  )
  const messages = yield* Messages
  return HttpServerResponse.jsonUnsafe(yield* messages.add(author, text), { status: 201 })
}).pipe(Effect.catchTags({ SchemaError: badRequest, HttpServerError: badRequest }))

const chat = App.make("chat")
  .manage(SettingsLive)
  .manage(MessagesLive)
  .mount(HttpRouter.add("GET", "/messages", list))
  .mount(HttpRouter.add("POST", "/messages", post))

NodeApp.run(chat, options)
