/** Step 3: a pipeline in front of a route. Remove the `catchTag`, and the application does not compile. */
import { Effect } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { App } from "fairlead/app"
import { NodeApp } from "fairlead/app/node"
import { Pipeline } from "fairlead/server"

import { options, SettingsLive } from "../Start.ts"
import { CurrentUser, login, TokensLive } from "./Login.ts"

const me = Pipeline.make("me")
  .before(login)
  .handle(Effect.map(CurrentUser, ({ name }) => HttpServerResponse.text(`You are ${name}`)))
  .catchTag("SignedOut", () => HttpServerResponse.text("Send a token", { status: 401 }))

const chat = App.make("chat")
  .manage(SettingsLive)
  .manage(TokensLive)
  .mount(HttpRouter.add("GET", "/me", me))

NodeApp.run(chat, options)
