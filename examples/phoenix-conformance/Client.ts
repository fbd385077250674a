/** Who connects: lets all in but those who ask to be refused, and remembers the user. */
import { Context, Effect } from "effect"
import { ChannelHandler } from "fairlead/channel"

/** The user of a socket: the parameter `user_id`. */
export class User extends Context.Service<User, { readonly id: string | null }>()("phoenix-conformance/User") {}

/** The id of a user's sockets. */
export const socketId = (user: string): string => `user_socket:${user}`

/** Refuses with 403 for `reject=true`, and with a special answer for `ratelimit=true`. */
export const client = ChannelHandler.make("client", {
  connect: ({ params }) => {
    if (params.get("reject") === "true") return Effect.fail(new ChannelHandler.Reject({ reason: "rejected" }))
    if (params.get("ratelimit") === "true") {
      return Effect.fail(new ChannelHandler.Reject({ reason: "Too many requests", status: 429, expose: true }))
    }
    const id = params.get("user_id")
    return Effect.succeed(
      ChannelHandler.accept({
        id: id === undefined ? undefined : socketId(id),
        context: Context.make(User, { id: id ?? null })
      })
    )
  }
})
