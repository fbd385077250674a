/**
 * Puts a channel server on a path of an `HttpRouter`. Internal to the channel part; public through `ChannelServer`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"

import { AllowedHosts } from "../core/AllowedHosts.ts"
import type { Broadcaster } from "./broadcaster/Contract.ts"
import * as Handshake from "./Handshake.ts"
import * as LongPoll from "./LongPoll.ts"
import { hubOf, keep } from "./MountedHub.ts"
import type { Options } from "./MountOptions.ts"
import type { ChannelServer } from "./ServerInterface.ts"
import { Upgrade } from "./Upgrade.ts"

/**
 * Mounts a channel server on the `HttpRouter`.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <P, R>(
  server: ChannelServer<P, R>,
  options: Options
): Layer.Layer<never, never, HttpRouter.HttpRouter | Broadcaster | Exclude<R, Scope.Scope>> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const router = yield* HttpRouter.HttpRouter
      const hub = yield* hubOf(server, options)
      const hosts = yield* AllowedHosts
      const allowedOrigins = options.allowedOrigins ?? (hosts === undefined ? "host" : { host: hosts })
      const guarded = { ...options, allowedOrigins }
      yield* keep(hub, options)
      const path = options.path.replace(/\/+$/, "") as `/${string}`
      const handshake = Handshake.make(hub, guarded, yield* Upgrade)
      yield* router.add("*", `${path}/websocket`, (request) =>
        Effect.flatMap(HttpRouter.params, (params) => handshake(request, params))
      )
      const { longPoll = false } = options
      if (longPoll === false) return
      const poll = yield* LongPoll.make(hub, guarded, longPoll === true ? {} : longPoll, path)
      yield* router.add("*", `${path}/longpoll`, (request) =>
        Effect.flatMap(HttpRouter.params, (params) => poll(request, params))
      )
    })
  )
