/** Single measurements other than the price of a handler: halts, recovery, follow-ups, the Probe; and chains that keep the driver honest. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Schema from "effect/Schema"

import { ClientChain, ClientHandler } from "../../src/client/index.ts"
import { Probe } from "../../src/core/Probe.ts"
import { repeatAsync, unyielding } from "../Evaluation.ts"
import type { Run } from "../Evaluation.ts"
import type * as Sampling from "../Sampling.ts"
import * as Bottom from "./Bottom.ts"
import { chained, stepped } from "./Contenders.ts"
import type { NoOp } from "./Copies.ts"

type Case = Sampling.Case<NoOp>

class Refused extends Schema.TaggedError<Refused>()("Refused", {}) {}

const held = new Refused()
const failing = Bottom.bare(Effect.fail(held))

const halting = ClientHandler.make("halt", { run: () => ClientHandler.halt(Bottom.response) })

const again = ClientHandler.make("again", {
  afterResponse: (_, { attempt, original }) => (attempt === 1 ? ClientHandler.followUp(original, "again") : undefined)
})

const ten = (noOps: ReadonlyArray<NoOp>): ReadonlyArray<NoOp> => noOps.slice(0, 10)
const probing = Context.add(unyielding, Probe, { report: () => {} })

export const cases: ReadonlyArray<Case> = [
  {
    name: "halted before 10 handlers",
    make: (noOps) =>
      Bottom.repeat(
        ClientChain.make("bench")
          .use(halting)
          .append(chained(ten(noOps)))
          .pipe(ClientChain.over(Bottom.madeClient))
      )
  },
  {
    name: "halted behind 10 handlers",
    make: (noOps) => Bottom.repeat(chained(ten(noOps)).use(halting).pipe(ClientChain.over(Bottom.madeClient)))
  },
  {
    name: "recovered before 10 handlers, error at hand",
    make: (noOps) =>
      Bottom.repeat(
        ClientChain.make("bench")
          .recover(Refused, () => Bottom.response)
          .append(chained(ten(noOps)))
          .pipe(ClientChain.over(failing))
      )
  },
  {
    name: "recovered before 10 piped steps, error at hand",
    make: (noOps) =>
      Bottom.repeat(HttpClient.catchTag(stepped(failing, ten(noOps)), "Refused", () => Effect.succeed(Bottom.response)))
  },
  {
    name: "a follow-up through 10 handlers",
    make: (noOps) =>
      Bottom.repeat(
        ClientChain.make("bench")
          .use(again)
          .append(chained(ten(noOps)))
          .pipe(ClientChain.over(Bottom.client))
      )
  },
  { name: "HttpClient.make alone, body read", make: () => Bottom.repeatReading(Bottom.madeClient) },
  {
    name: "HttpClient.make, 10 handlers, body read",
    make: (noOps) => Bottom.repeatReading(chained(ten(noOps)).pipe(ClientChain.over(Bottom.madeClient)))
  },
  {
    name: "HttpClient.make, 10 piped steps, body read",
    make: (noOps) => Bottom.repeatReading(stepped(Bottom.madeClient, ten(noOps)))
  },
  {
    name: "10 handlers, Probe off",
    make: (noOps) => Bottom.repeat(chained(ten(noOps)).pipe(ClientChain.over(Bottom.client)))
  },
  {
    name: "10 handlers, Probe on",
    make: (noOps) => Bottom.repeat(chained(ten(noOps)).pipe(ClientChain.over(Bottom.client)), probing)
  },
  {
    // The share of promises and bodies in the totals of other contenders.
    name: "undici's request over the same dispatcher",
    make: () =>
      repeatAsync(async () => {
        const { body, statusCode } = await Bottom.dispatcher.request({ origin: Bottom.url, path: "/", method: "GET" })
        await body.dump()
        return { status: statusCode }
      })
  }
]

/** Chains of other shapes: state, changed requests, recovers, halts, follow-ups, missing methods. */
export const shapes = (): ReadonlyArray<Run> => {
  const stateful = ClientHandler.make("stateful", {
    run: ({ request }) => ClientHandler.proceedWith(1, HttpClientRequest.setHeader(request, "x-bench", "1")),
    afterResponse: (outcome, _, state) =>
      outcome._tag === "Response" && state._tag === "Some" ? ClientHandler.respond(outcome.response) : undefined
  })
  const outward = ClientHandler.make("outward", { run: () => Effect.sync(() => ClientHandler.proceed()) })
  const inward = ClientHandler.make("inward", { afterResponse: () => Effect.void })
  const cell = ClientHandler.cell("count", () => 0)
  const counting = ClientHandler.make("counting", {
    run: (exchange) => exchange.set(cell, exchange.get(cell) + 1),
    afterResponse: (_, exchange) => void exchange.get(cell)
  })
  const base = ClientChain.make("shape")
  return [
    Bottom.repeat(base.use(stateful).use(outward).use(inward).pipe(ClientChain.over(Bottom.client))),
    Bottom.repeat(base.use(counting).use(again).use(stateful).pipe(ClientChain.over(Bottom.client))),
    Bottom.repeat(
      base
        .recover(Refused, () => Effect.succeed(Bottom.response))
        .use(stateful)
        .use(counting)
        .pipe(ClientChain.over(failing))
    ),
    Bottom.repeat(base.use(inward).use(halting).use(counting).pipe(ClientChain.over(Bottom.client)))
  ]
}
