/**
 * A client of Phoenix Channels that follows a room of a running Harbour, and notes what it hears.
 */
import { Effect } from "effect"
import type { Scope } from "effect"
import { Socket } from "phoenix"

import type { Harbour } from "./Process.ts"

/** What a client heard: an event of the room, `joined`, `refused`, `crashed`, or `closed` with a code. */
interface Heard {
  readonly event: string
  readonly payload: any
}

/** A client in a room. */
export interface Follower {
  /** All that it heard so far. */
  readonly heard: ReadonlyArray<Heard>
  /** The payloads of an event, once there are that many. */
  readonly payloads: (event: string, count: number) => Effect.Effect<ReadonlyArray<any>>
  /** Sends an event that is not answered. */
  readonly tell: (event: string) => void
  /** Sends an event; the answer. */
  readonly push: (event: string, payload: object) => Effect.Effect<{ readonly status: string; readonly response: any }>
}

/** Follows a room, until the scope closes. Whatever ends the connection, it comes back. */
export const follow = (
  { url }: Pick<Harbour, "url">,
  room: string,
  token?: string
): Effect.Effect<Follower, never, Scope.Scope> =>
  Effect.gen(function* () {
    const heard: Array<Heard> = []
    const watchers = new Set<() => void>()
    const note = (event: string) => (payload?: unknown) => {
      heard.push({ event, payload })
      for (const watch of watchers) watch()
    }
    const socket = yield* Effect.acquireRelease(
      Effect.sync(
        () =>
          new Socket(`${url.replace("http", "ws")}/socket`, {
            transport: WebSocket,
            reconnectAfterMs: () => 50,
            rejoinAfterMs: () => 50
          })
      ),
      (socket) => Effect.callback<void>((resume) => socket.disconnect(() => resume(Effect.void)))
    )
    socket.onClose(({ code }: { readonly code: number }) => note("closed")(code))
    const channel = socket.channel(`room:${room}`, token === undefined ? {} : { token })
    for (const event of ["posted", "previewed", "typing"]) channel.on(event, note(event))
    channel.onError(note("crashed"))
    channel.join().receive("ok", note("joined")).receive("error", note("refused"))
    socket.connect()
    return {
      heard,
      payloads: (event, count) =>
        Effect.callback<ReadonlyArray<any>>((resume) => {
          const watch = () => {
            const found = heard.filter((one) => one.event === event)
            if (found.length < count) return
            watchers.delete(watch)
            resume(Effect.succeed(found.map(({ payload }) => payload)))
          }
          watchers.add(watch)
          watch()
          return Effect.sync(() => watchers.delete(watch))
        }).pipe(
          Effect.timeoutOrElse({
            duration: "2 minutes",
            orElse: () => Effect.die(new Error(`No ${count} times "${event}" in ${JSON.stringify(heard)}`))
          })
        ),
      tell: (event) => void channel.push(event, {}),
      push: (event, payload) =>
        Effect.callback((resume) => {
          const push = channel.push(event, payload, 20_000)
          for (const status of ["ok", "error", "timeout"] as const) {
            push.receive(status, (response) => resume(Effect.succeed({ status, response })))
          }
        })
    }
  })
