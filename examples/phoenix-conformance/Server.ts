/**
 * The mounts, each with all channels, and the plain HTTP endpoints that steer the server from outside:
 *
 * | mount | what is special |
 * |---|---|
 * | `/socket` | frames up to 1,000,000 bytes; pages of `//example.com` and `//*.allowed.test` only |
 * | `/short` | closes a socket that has been silent for 500 ms |
 * | `/limited` | at most 2 topics for each socket |
 * | `/authtoken` | takes the `authToken` of a client |
 * | `/supabase` | speaks version 2.0.0 as Supabase's client does |
 *
 * `POST /__test/broadcast` with `{topic, event, payload}` broadcasts from outside of any channel; `POST /__test/disconnect` with `{id}` closes the sockets of
 * that user.
 *
 * All but `/limited` and `/supabase` serve long-poll as well, `/short` with a window of 400 ms.
 *
 * Where Fairlead is kinder than Phoenix on purpose, this server is as Phoenix is: an unknown event crashes the channel, and messages of a batch beyond 100 are ignored.
 */
import { Effect, Layer, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Broadcaster, ChannelServer } from "fairlead/channel"

import { client, socketId } from "./Client.ts"
import { Lobby, LobbyLive } from "./Lobby.ts"
import { Presences, PresencesLive } from "./Presences.ts"
import { Realtime, RealtimeLive } from "./Realtime.ts"
import { Room, RoomLive } from "./Room.ts"
import { supabase } from "./SupabaseSerializer.ts"

const server = ChannelServer.make("conformance").use(client).mount(Room, Lobby, Presences, Realtime)

const mounts = Layer.mergeAll(
  ChannelServer.layer(server, {
    path: "/socket",
    allowedOrigins: ["//example.com", "//*.allowed.test"],
    maxFrameBytes: 1_000_000,
    longPoll: { onExcess: "ignore" },
    onUnknownEvent: "crash"
  }),
  ChannelServer.layer(server, {
    path: "/short",
    allowedOrigins: "any",
    idleTimeout: "500 millis",
    longPoll: { window: "400 millis", onExcess: "ignore" },
    onUnknownEvent: "crash"
  }),
  ChannelServer.layer(server, { path: "/limited", allowedOrigins: "any", maxChannels: 2, onUnknownEvent: "crash" }),
  ChannelServer.layer(server, {
    path: "/authtoken",
    allowedOrigins: "any",
    authToken: true,
    longPoll: { onExcess: "ignore" },
    onUnknownEvent: "crash"
  }),
  ChannelServer.layer(server, { path: "/supabase", allowedOrigins: "any", serializers: [supabase] })
)

const done = HttpServerResponse.jsonUnsafe({ ok: true })
const wrong = HttpServerResponse.jsonUnsafe({ ok: false, reason: "invalid body" }, { status: 400 })

const Message = Schema.Struct({ topic: Schema.String, event: Schema.String, payload: Schema.Json })

/** A route that does something with its body. */
const post = <S extends Schema.Codec<unknown, unknown>>(
  path: `/${string}`,
  body: S,
  act: (body: S["Type"]) => Effect.Effect<void, never, Broadcaster.Broadcaster>
) =>
  HttpRouter.use((router) =>
    Effect.flatMap(Broadcaster.Broadcaster, (broadcaster) => {
      const answer = HttpServerRequest.schemaBodyJson(body).pipe(
        Effect.flatMap(act),
        Effect.match({ onSuccess: () => done, onFailure: () => wrong })
      )
      return router.add("POST", path, Effect.provideService(answer, Broadcaster.Broadcaster, broadcaster))
    })
  )

const control = Layer.mergeAll(
  post("/__test/broadcast", Message, ({ event, payload, topic }) => Broadcaster.broadcast(topic, event, payload)),
  post("/__test/disconnect", Schema.Struct({ id: Schema.String }), ({ id }) => ChannelServer.disconnect(socketId(id)))
)

/** All routes of the server. How sockets are made is up to whoever serves them. */
export const conformance = Layer.merge(mounts, control).pipe(
  Layer.provide([RoomLive, LobbyLive, PresencesLive, RealtimeLive]),
  Layer.provide(Broadcaster.layer)
)
