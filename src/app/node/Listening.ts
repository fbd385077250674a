/**
 * What happens before a Node server listens. Internal to the app part.
 *
 * @since 0.1.0
 */
import { lstat, unlink } from "node:fs/promises"
import { connect } from "node:net"
import type { ListenOptions } from "node:net"

import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { ServeError } from "effect/http/HttpServerError"

/** Removes a unix socket that nobody listens on: a killed process leaves it. Internal to the app part. */
export const prepare = ({ path }: ListenOptions): Effect.Effect<void> =>
  path === undefined || process.platform === "win32"
    ? Effect.void
    : Effect.promise(async () => {
        if (!(await isSocket(path)) || (await answers(path))) return
        await unlink(path).catch(() => {})
      })

const isSocket = (path: string): Promise<boolean> =>
  lstat(path).then(
    (stats) => stats.isSocket(),
    () => false
  )

// Only a refused connection proves that nobody listens: a socket that may not be used stays.
const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path)
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code !== "ECONNREFUSED"))
  })

/** Turns Node's exceptions at listening, such as for the port 70000, into a typed error. Internal to the app part. */
export const typed = <A, R>(listening: Effect.Effect<A, ServeError, R>): Effect.Effect<A, ServeError, R> =>
  Effect.catchCause(listening, (cause) => {
    const defect = cause.reasons.find(Cause.isDieReason)?.defect
    return defect instanceof Error && "code" in defect
      ? Effect.fail(new ServeError({ cause: defect }))
      : Effect.failCause(cause)
  })
