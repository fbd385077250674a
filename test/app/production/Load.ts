/**
 * Customers who keep ordering, over keep-alive connections, while a load balancer looks at `/ready`.
 */
import { Agent, request } from "node:http"

import { Effect, Fiber } from "effect"

/** How an order ended: a status with its whole body, or the code of an error. */
export interface Outcome {
  readonly ended: number | string
  readonly id: number | undefined
}

const ask = (agent: Agent, method: string, url: string, body?: unknown): Effect.Effect<Outcome> =>
  Effect.callback((resume) => {
    const failed = (error: NodeJS.ErrnoException) =>
      resume(Effect.succeed({ ended: error.code ?? error.message, id: undefined }))
    const sent = request(url, { agent, method, headers: { "content-type": "application/json" } }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
      response.on("error", failed)
      response.on("end", () => {
        const id = response.statusCode === 201 ? (JSON.parse(text) as { readonly id: number }).id : undefined
        resume(Effect.succeed({ ended: response.statusCode ?? 0, id }))
      })
    })
    sent.on("error", failed)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
    return Effect.sync(() => void sent.destroy())
  })

const once = new Agent({ keepAlive: false })

/** The status that a path answers with, or the code of the error. */
export const look = (url: string): Effect.Effect<number | string> =>
  Effect.map(ask(once, "GET", url), ({ ended }) => ended)

/** Orders something. */
export const order = (shop: string): Effect.Effect<Outcome> =>
  ask(once, "POST", `${shop}/orders`, { item: "rope", quantity: 1 })

/** Customers who order until the returned effect is run, which returns how each order ended. */
export const customers = Effect.fnUntraced(function* (shop: string, count: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: count })
  const outcomes: Array<Outcome> = []
  let stopped = false
  const customer = ask(agent, "POST", `${shop}/orders`, { item: "rope", quantity: 1 }).pipe(
    Effect.map((outcome) => outcomes.push(outcome)),
    Effect.repeat({ until: () => stopped })
  )
  const fibers = yield* Effect.forEach(Array.from({ length: count }), () => Effect.forkScoped(customer))
  return {
    outcomes: (): ReadonlyArray<Outcome> => outcomes,
    stop: Effect.gen(function* () {
      stopped = true
      yield* Effect.forEach(fibers, Fiber.join)
      agent.destroy()
      return outcomes
    })
  }
})

/** Waits until a path answers so. */
export const until = (url: string, status: number | string): Effect.Effect<void> =>
  Effect.asVoid(Effect.repeat(Effect.delay(look(url), "50 millis"), { until: (seen) => seen === status }))

/** How many of them ended how. */
export const counts = (outcomes: ReadonlyArray<Outcome>): Readonly<Record<string, number>> => {
  const all: Record<string, number> = {}
  for (const { ended } of outcomes) all[ended] = (all[ended] ?? 0) + 1
  return all
}

/** The numbers of the orders that were acknowledged. */
export const acknowledged = (outcomes: ReadonlyArray<Outcome>): ReadonlyArray<number> =>
  outcomes.flatMap(({ id }) => (id === undefined ? [] : [id]))
