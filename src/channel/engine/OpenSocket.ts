/**
 * A connected socket as hooks and handlers see it. Internal to the channel part.
 *
 * A class, since there may be many sockets. Its functions are made when they are read, so that they can be taken out of it.
 *
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"

import type { LeaveReason } from "../ApiTypes.ts"
import type { ChannelSocket } from "../ChannelSocket.ts"
import type { Payload } from "../wire/Message.ts"

/** The request of a socket, and who it is. */
export interface SocketIdentity extends Pick<ChannelSocket["Service"], "id" | "request" | "version"> {}

/** The connection as its socket uses it. */
interface Owner {
  readonly shut: (code: number, reason: string, why: LeaveReason) => void
  readonly pushTo: (topic: string, event: string, payload: Payload) => void
  readonly expire: (instant: DateTime.DateTime.Input | undefined) => void
}

/** The service of a connected socket. */
export class OpenSocket implements SocketIdentity {
  readonly id: SocketIdentity["id"]
  readonly request: SocketIdentity["request"]
  readonly version: SocketIdentity["version"]
  private readonly owner: Owner

  constructor(owner: Owner, { id, request, version }: SocketIdentity) {
    this.id = id
    this.request = request
    this.version = version
    this.owner = owner
  }

  get close() {
    const { owner } = this
    return (code = 1000, reason = ""): Effect.Effect<void> =>
      Effect.sync(() => owner.shut(code, reason, "disconnected"))
  }

  get push() {
    const { owner } = this
    return (topic: string, event: string, payload: Payload): Effect.Effect<void> =>
      Effect.sync(() => owner.pushTo(topic, event, payload))
  }

  get expireAt() {
    const { owner } = this
    return (instant: DateTime.DateTime.Input | undefined): Effect.Effect<void> =>
      Effect.sync(() => owner.expire(instant))
  }
}
