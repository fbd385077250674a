/** Calls of functions that have several signatures, whose hovers must show their documentation. */
import { Context, Effect } from "effect"
import type { HttpServerResponse } from "effect/http"
import { App } from "fairlead/app"
import { NodeApp } from "fairlead/app/node"
import * as Channel from "fairlead/channel/handlers"
import * as Client from "fairlead/client/handlers"
import { Middleware } from "fairlead/server"

class User extends Context.Service<User, string>()("hover/User") {}

const same = (response: HttpServerResponse.HttpServerResponse) => response

export const before = Middleware.before("before", () => Effect.void)
export const beforeWithKey = Middleware.before("before", User, () => "Ada")
export const pair = Middleware.pair("pair", () => 1, same)
export const pairWithKey = Middleware.pair("pair", User, () => "Ada", same)
export const outer = Middleware.outer("outer", (app) => app)
export const after = Middleware.after("after", same)
export const run = () => NodeApp.run(App.make("app"))
export const launch = NodeApp.launch(App.make("app"))
export const clientRateLimit = Client.rateLimit({ limit: 1, window: "1 second" })
export const channelRateLimit = Channel.rateLimit({ limit: 1, window: "1 second" })
export const joinRateLimit = Channel.joinRateLimit({ limit: 1, window: "1 second" })
