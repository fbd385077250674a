/** The types of presence: keys, metas and fields come from the definition; services and errors are in the types of who needs them. */
import { Context, Effect, Schema } from "effect"
import type { Layer } from "effect"
import type { Broadcaster, Presence } from "fairlead/channel"
import { ChannelApi, ChannelServer } from "fairlead/channel"
import { expectTypeOf, test } from "vitest"

class Users extends Context.Service<Users, { readonly name: string }>()("app/Users") {}

class Office extends ChannelApi.make("office", {
  presence: {
    key: Schema.NumberFromString,
    meta: Schema.Struct({ since: Schema.Date }),
    fields: Schema.Struct({ name: Schema.String })
  }
}) {}

class Plain extends ChannelApi.make("plain", { presence: { meta: Schema.Struct({ at: Schema.String }) } }) {}

class Bare extends ChannelApi.make("bare", { incoming: { ping: {} } }) {}

test("nodes 2: the key and the meta are those of the definition", () => {
  const live = Office.layer({
    join: () => Effect.void,
    afterJoin: ({ presence }) =>
      Effect.gen(function* () {
        expectTypeOf<Parameters<typeof presence.track>>().toEqualTypeOf<[key: number, meta: { readonly since: Date }]>()
        expectTypeOf(presence.track(1, { since: new Date() })).toEqualTypeOf<
          Effect.Effect<void, Presence.PresenceError>
        >()
        expectTypeOf(presence.untrack()).toEqualTypeOf<Effect.Effect<void>>()
        const { present } = yield* presence.list
        expectTypeOf(present[0]!.key).toEqualTypeOf<number>()
        expectTypeOf(present[0]!.metas[0]!).toEqualTypeOf<{ readonly since: Date }>()
        // @ts-expect-error a key is a number
        void presence.track("1", { since: new Date() })
        // @ts-expect-error a meta has a date
        void presence.update(1, { since: "now" })
      }),
    on: {},
    presence: {
      maxKeys: undefined,
      fetch: (keys) => Effect.map(Users, ({ name }) => new Map(keys.map((key) => [key, { name }] as const)))
    }
  })
  expectTypeOf(live).toEqualTypeOf<Layer.Layer<Office, never, Users>>()
})

test("nodes 2: an error of presence has to be handled", () => {
  Plain.layer({
    join: () => Effect.void,
    // @ts-expect-error PresenceError is not declared
    afterJoin: ({ presence }) => presence.track("ann", { at: "home" }),
    on: {}
  })
})

test("nodes 2: fetch gives the declared fields, and only where they are declared", () => {
  Office.layer({
    join: () => Effect.void,
    on: {},
    presence: {
      // @ts-expect-error a name is a text
      fetch: (keys) => Effect.succeed(new Map(keys.map((key) => [key, { name: key }] as const)))
    }
  })
  Plain.layer({
    join: () => Effect.void,
    on: {},
    presence: {
      // @ts-expect-error no fields are declared
      fetch: (keys) => Effect.succeed(new Map(keys.map((key) => [key, { name: "x" }] as const)))
    }
  })
})

test("nodes 2: a channel without presence has none", () => {
  Bare.layer({
    join: () => Effect.void,
    on: {
      // @ts-expect-error no presence is declared
      ping: (_, { presence }) => presence.untrack()
    }
  })
  Bare.layer({
    join: () => Effect.void,
    on: { ping: () => Effect.void },
    // @ts-expect-error no presence is declared
    presence: { maxKeys: 1 }
  })
  // @ts-expect-error no presence is declared
  void Bare.presence({})
})

test("nodes 2: the service is required by the server, and by a list from outside", () => {
  const server = ChannelServer.make("x").mount(Office, Bare)
  expectTypeOf(server).toEqualTypeOf<ChannelServer.ChannelServer<never, Office | Bare | Presence.Presence>>()
  const bare = ChannelServer.make("x").mount(Bare)
  expectTypeOf(bare).toEqualTypeOf<ChannelServer.ChannelServer<never, Bare>>()
  const listed = Office.presence({})
  expectTypeOf(listed).toEqualTypeOf<
    Effect.Effect<
      Presence.PresenceList<number, { readonly since: Date }>,
      Broadcaster.BroadcasterUnavailable,
      Presence.Presence
    >
  >()
})
