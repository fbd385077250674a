/** The surroundings of an app in the stages bench. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import { HttpServerRequest, fromWeb } from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Scope from "effect/Scope"

import { Probe } from "../../src/core/Probe.ts"
import type { Probe as ProbeService } from "../../src/core/Probe.ts"
import { repeatEffect, unyielding } from "../Evaluation.ts"
import type { Run } from "../Evaluation.ts"
import { Clerk } from "./NoOp.ts"

export type Needs = HttpServerRequest | Scope.Scope | Clerk
export type App = Effect.Effect<HttpServerResponse, never, Needs>

const services = unyielding.pipe(
  Context.add(HttpServerRequest, fromWeb(new Request("http://127.0.0.1/"))),
  Context.add(Scope.Scope, Scope.makeUnsafe()),
  Context.add(Clerk, "clerk")
)

/** Evaluates the app in one fiber. */
export const repeat = (app: App, probe?: ProbeService): Run =>
  repeatEffect(probe === undefined ? services : Context.add(services, Probe, probe), () => app)
