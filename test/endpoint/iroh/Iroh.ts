/** What tests of the iroh transport are written with. They are skipped, and say why, where the native binding cannot be loaded. */
import { describe } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Transport } from "fairlead/endpoint"
import { IrohTransport } from "fairlead/endpoint/iroh"

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
const bind = ["127.0.0.1:0", "[::1]:0"]

export const transport = IrohTransport.layer({ bind })

/** A transport that is bound, with other options than the others of the test. */
export const boundWith = (options: IrohTransport.Options) =>
  Effect.flatMap(Effect.service(Transport.Transport), (transport) => transport.bind({ alpns: [echo, chat] })).pipe(
    Effect.provide(Layer.fresh(IrohTransport.layer({ bind, ...options })))
  )

export const bound = boundWith({})

/** Two transports and a connection between them, without an endpoint's hooks and scopes. */
export const carried = (options: IrohTransport.Options = {}) =>
  Effect.gen(function* () {
    const [ada, bob] = [yield* boundWith(options), yield* boundWith(options)]
    const [here, there] = yield* Effect.all(
      [ada.dial(bob.addr, echo), Effect.flatMap(bob.knock, ({ accept }) => accept)],
      { concurrency: "unbounded" }
    )
    return { ada, bob, here, there }
  })
