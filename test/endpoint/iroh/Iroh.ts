/** What tests of the iroh transport are written with. They are skipped, and say why, where the native binding cannot be loaded. */
import { describe } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { IrohTransport } from "fairlead/endpoint/iroh"

import { boundTo } from "../Bound.ts"
import { chat, echo } from "../Peers.ts"

const missing = await import("@number0/iroh").then(
  () => undefined,
  (cause: unknown) => String(cause)
)

/** Groups tests that need the binding. */
export const describeIroh = (title: string, tests: () => void): void => {
  if (missing === undefined) describe(title, tests)
  else describe.skip(`${title} (skipped: ${missing})`, tests)
}

/** This machine only. */
const bindAddresses = ["127.0.0.1:0", "[::1]:0"]

export const transport = IrohTransport.layer({ bindAddresses })

/** A transport that is bound, with other options than the others of the test. */
export const boundWith = (options: IrohTransport.LayerOptions) =>
  boundTo([echo, chat]).pipe(Effect.provide(Layer.fresh(IrohTransport.layer({ bindAddresses, ...options }))))

export const bound = boundWith({})

/** Two transports and a connection between them, without an endpoint's hooks and scopes. */
export const carried = (options: IrohTransport.LayerOptions = {}) =>
  Effect.gen(function* () {
    const [ada, bob] = [yield* boundWith(options), yield* boundWith(options)]
    const [here, there] = yield* Effect.all(
      [ada.dial(bob.addr, echo), Effect.flatMap(bob.knock, ({ accept }) => accept)],
      { concurrency: "unbounded" }
    )
    return { ada, bob, here, there }
  })
