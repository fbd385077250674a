/** What every transport promises, as a suite that each of them runs. */
import { describe, it as vitest } from "@effect/vitest"
import { Effect } from "effect"
import type { Duration, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { EndpointTransport } from "fairlead/endpoint"

import { connections } from "./Connections.ts"
import { connects } from "./Connects.ts"
import { endings } from "./Endings.ts"
import { gating } from "./Gating.ts"
import { hooks } from "./Hooks.ts"
import { knocks } from "./Knocks.ts"
import { limits } from "./Limits.ts"
import { matrix } from "./Matrix.ts"
import { meetings } from "./Meetings.ts"
import { messages } from "./Messages.ts"
import { preAuth } from "./PreAuth.ts"
import { streams } from "./Streams.ts"

/** A transport, and whether its time is the real one. */
export interface Subject {
  readonly transport: Layer.Layer<EndpointTransport.EndpointTransport>
  readonly live: boolean
}

/** Registers a test of the contract. */
export type Rule = (
  title: string,
  test: () => Effect.Effect<unknown, unknown, EndpointTransport.EndpointTransport | Scope.Scope>
) => void

/** Lets time pass. */
export type Pass = (duration: Duration.Input) => Effect.Effect<void>

export const contract = (name: string, { live, transport }: Subject): void => {
  const it: Rule = (title, test) =>
    (live ? vitest.live : vitest.effect)(title, () => Effect.scoped(test()).pipe(Effect.provide(transport)))
  const pass: Pass = live ? Effect.sleep : TestClock.adjust
  describe(`the contract of transports: ${name}`, () => {
    connects(it)
    hooks(it, pass)
    streams(it)
    matrix(it)
    endings(it)
    connections(it)
    gating(it)
    knocks(it, pass)
    limits(it)
    meetings(it)
    messages(it)
    preAuth(it)
  })
}
