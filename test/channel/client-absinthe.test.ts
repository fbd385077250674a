/**
 * The client of Absinthe, GraphQL over channels, in Node: one control topic, and results on a topic for each subscription that nobody joins.
 */
import { create, observe, send } from "@absinthe/socket"
import { Effect, Layer, Schema } from "effect"
import { Broadcaster, ChannelApi, ChannelServer, ChannelSocket } from "fairlead/channel"
import { NodeUpgrade } from "fairlead/channel/node"
import { Socket } from "phoenix"
import { assert, describe, it } from "vitest"

import { shared } from "./Conformance.ts"

const Result = Schema.Struct({ data: Schema.Json })
const Subscribed = Schema.Struct({ subscriptionId: Schema.String })

class Control extends ChannelApi.make("__absinthe__:control", {
  incoming: {
    doc: {
      payload: Schema.Struct({ query: Schema.String, variables: Schema.optional(Schema.Json) }),
      reply: Schema.Union([Result, Subscribed])
    },
    unsubscribe: { payload: Subscribed, reply: Subscribed }
  }
}) {}

const topic = "__absinthe__:doc:1"

const layer = Control.layer({
  join: () => Effect.void,
  on: {
    doc: ({ query, variables = {} }) =>
      Effect.gen(function* () {
        if (!query.startsWith("subscription")) return { data: { echoed: variables } }
        const { push } = yield* ChannelSocket.ChannelSocket
        const result = { result: { data: { userAdded: { name: "ann" } } }, subscriptionId: topic }
        const events = Effect.forEach([1, 2], () => push(topic, "subscription:data", result), { discard: true })
        yield* Effect.forkScoped(Effect.andThen(Effect.sleep(20), events))
        return { subscriptionId: topic }
      }),
    unsubscribe: ({ subscriptionId }) => Effect.succeed({ subscriptionId })
  }
})

const routes = ChannelServer.layer(ChannelServer.make("graphql").mount(Control), {
  path: "/socket",
  allowedOrigins: "any"
}).pipe(Layer.provide(layer), Layer.provide(Broadcaster.layer))

describe("the client of Absinthe", () => {
  const { server } = shared(NodeUpgrade.layer, routes)

  it("channel2 4.3: sends a query and follows a subscription, whose results come on a separate topic", async () => {
    const phoenix = new Socket(`${server().ws}/socket`)
    const absinthe = create(phoenix)
    const results = (operation: string, count: number, variables: object = {}) =>
      new Promise<ReadonlyArray<unknown>>((resolve, reject) => {
        const values: Array<unknown> = []
        observe(absinthe, send(absinthe, { operation, variables }), {
          onAbort: reject,
          onError: reject,
          onResult: ({ data }: { readonly data: unknown }) => {
            if (values.push(data) === count) resolve(values)
          }
        })
      })
    assert.deepStrictEqual(await results("query Echo($n: Int) { echoed }", 1, { n: 1 }), [{ echoed: { n: 1 } }])
    const added = { userAdded: { name: "ann" } }
    assert.deepStrictEqual(await results("subscription Added { userAdded { name } }", 2), [added, added])
    phoenix.disconnect()
  })
})
