/** What every transport promises, as a suite that each of them runs. */
import { describe, it as vitest } from "@effect/vitest"
import { Effect } from "effect"
import type { Duration, Layer, Scope } from "effect"
import { TestClock } from "effect/testing"
import type { Transport } from "fairlead/endpoint"

import { connects } from "./Connects.ts"
import { hooks } from "./Hooks.ts"
import { preAuth } from "./PreAuth.ts"
import { streams } from "./Streams.ts"

/** A transport, and whether its time is the real one. */
export interface Subject {
  readonly transport: Layer.Layer<Transport.Transport>
  readonly live: boolean
}

/** Registers a test of the contract. */
export type Rule = (
  title: string,
  test: () => Effect.Effect<unknown, unknown, Transport.Transport | Scope.Scope>
) => void

/** Lets time pass. */
export type Pass = (duration: Duration.Input) => Effect.Effect<void>

export const contract = (name: string, { live, transport }: Subject): void => {
  const it: Rule = (title, test) =>
    (live ? vitest.live : vitest.effect)(title, () => Effect.scoped(test()).pipe(Effect.provide(transport)), 60_000)
  const pass: Pass = live ? Effect.sleep : TestClock.adjust
  describe(`the contract of transports: ${name}`, () => {
    connects(it)
    hooks(it, pass)
    streams(it)
    preAuth(it)
  })
}
