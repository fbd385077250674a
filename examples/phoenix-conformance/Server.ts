/**
 * The mounts, each with all channels, and the plain HTTP endpoints that steer the server from outside:
 *
 * | mount | what is special |
 * |---|---|
 * | `/socket` | frames up to 1,000,000 bytes; pages of `//example.com` and `//*.allowed.test` only |
 * | `/short` | closes a socket that has been silent for 500 ms |
 * | `/limited` | at most 2 topics for each socket |
 * | `/authtoken` | takes the `authToken` of a client |
 *
 * `POST /__test/broadcast` with `{topic, event, payload}` broadcasts from outside of any channel; `POST /__test/disconnect` with `{id}` closes the sockets of
 * that user.
 *
 * Where Fairlead is kinder than Phoenix on purpose, this server is as Phoenix is: an unknown event crashes the channel.
 */
import { Effect, Layer, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { Broadcaster, ChannelServer } from "fairlead/channel"

import { client, socketId } from "./Client.ts"
import { Lobby, LobbyLive } from "./Lobby.ts"
import { Presences, PresencesLive } from "./Presences.ts"
import { Realtime, RealtimeLive } from "./Realtime.ts"
import { Room, RoomLive } from "./Room.ts"
import * as Tracker from "./Tracker.ts"

const server = ChannelServer.make("conformance").use(client).mount(Room, Lobby, Presences, Realtime)

const mounts = Layer.mergeAll(
  ChannelServer.layer(server, {
    path: "/socket",
    origin: ["//example.com", "//*.allowed.test"],
    maxFrame: 1_000_000,
    unknownEvent: "crash"
  }),
  ChannelServer.layer(server, { path: "/short", origin: "any", idleTimeout: "500 millis", unknownEvent: "crash" }),
  ChannelServer.layer(server, { path: "/limited", origin: "any", maxChannels: 2, unknownEvent: "crash" }),
  ChannelServer.layer(server, { path: "/authtoken", origin: "any", authToken: true, unknownEvent: "crash" })
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
  Layer.provide([Broadcaster.layer, Tracker.layer])
)
