/** Handlers that say what they saw. */
import { Effect } from "effect"
import { ChannelHandler } from "fairlead/channel"

/** Handlers that write down each hook that runs, at once or after a pause. */
export const journaling = (pause: Effect.Effect<void>) => {
  const journal: Array<string> = []
  const write = (line: string) =>
    Effect.andThen(
      pause,
      Effect.sync(() => void journal.push(line))
    )
  const handler = (name: string) =>
    ChannelHandler.make(name, {
      connect: () => Effect.as(write(`${name} connect`), ChannelHandler.accept()),
      join: () => write(`${name} join`),
      incoming: ({ event }) => write(`${name} in ${event}`),
      outgoing: ({ event, kind }) => void journal.push(`${name} out ${kind} ${event}`),
      leave: ({ reason, topic }) => write(`${name} leave ${topic} ${reason}`),
      disconnect: ({ code }) => write(`${name} disconnect ${code}`)
    })
  return { journal, handler }
}
