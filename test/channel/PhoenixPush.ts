/** Pushes and events of the clients of Phoenix, as promises. */
import type { Channel, Push } from "phoenix"

export const outcome = (push: Push): Promise<readonly [status: string, response: unknown]> =>
  new Promise((resolve) => {
    for (const status of ["ok", "error", "timeout"] as const) {
      push.receive(status, (response) => resolve([status, response]))
    }
  })

export const once = (channel: Channel, event: string): Promise<unknown> =>
  new Promise((resolve) => channel.on(event, resolve))
