/** The clients of the brokers alone, as a program has them that wants nothing but to send texts to other processes. */
import { connect } from "@nats-io/transport-node"
import { createClient } from "redis"

import type { EngineName } from "./Brokers.ts"
import type { TopicKind } from "./Log.ts"

/** Texts to other processes, by a topic of a kind. */
export interface Bare {
  /** Publishes a text; ends when the broker has answered, where it answers. */
  readonly publish: (kind: TopicKind, text: string) => Promise<void>
  readonly subscribe: (kind: TopicKind, onText: (text: string) => void) => Promise<void>
  readonly close: () => Promise<void>
}

/** What a log needs at least: one entry of a stream, and a message. */
const script = `
redis.call('XADD', KEYS[1], 'MAXLEN', 1000, '*', 'b', ARGV[2])
redis.call('PUBLISH', ARGV[1], ARGV[2])
return 1
`

const overRedis = async (port: number): Promise<Bare> => {
  const open = async () => {
    const client = createClient({ url: `redis://127.0.0.1:${port}` })
    await client.connect()
    return client
  }
  const [commands, subscriber] = [await open(), await open()]
  const digest = await commands.scriptLoad(script)
  return {
    publish: async (kind, text) => {
      if (kind === "ephemeral") await commands.publish("bare:ephemeral", text)
      else await commands.evalSha(digest, { keys: ["bare:log"], arguments: ["bare:recoverable", text] })
    },
    subscribe: (kind, onText) => subscriber.subscribe(`bare:${kind}`, onText),
    close: async () => {
      commands.destroy()
      subscriber.destroy()
    }
  }
}

const overNats = async (port: number): Promise<Bare> => {
  const client = await connect({ servers: `127.0.0.1:${port}`, noAsyncTraces: true })
  const config = {
    name: "bare",
    subjects: ["bare.log.>"],
    storage: "file",
    retention: "limits",
    discard: "old",
    max_msgs_per_subject: 1000,
    republish: { src: "bare.log.>", dest: "bare.all.>" }
  }
  await client.request("$JS.API.STREAM.CREATE.bare", JSON.stringify(config))
  return {
    publish: async (kind, text) => {
      if (kind === "ephemeral") client.publish("bare.all.ephemeral", text)
      else await client.request("bare.log.recoverable", text, { timeout: 5000 })
    },
    subscribe: async (kind, onText) => {
      client.subscribe(`bare.all.${kind}`, { callback: (_, message) => onText(message.string()) })
      await client.flush()
    },
    close: () => client.close()
  }
}

export const openBare = (engine: EngineName, port: number): Promise<Bare> =>
  engine === "Redis" ? overRedis(port) : overNats(port)
