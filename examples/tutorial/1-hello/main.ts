/** Step 1: an application that answers one route, and stops without cutting a request. */
import { HttpRouter, HttpServerResponse } from "effect/http"
import { App } from "fairlead/app"
import { NodeApp } from "fairlead/app/node"

import { options, SettingsLive } from "../Start.ts"

const chat = App.make("chat")
  .manage(SettingsLive)
  .mount(HttpRouter.add("GET", "/", HttpServerResponse.text("Hello")))

NodeApp.run(chat, options)
