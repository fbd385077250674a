/**
 * A typed channel over a test's socket. Internal to the testing kits.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

import type { Any, Params } from "../../channel/ApiTypes.ts"
import { compiledOf } from "../../channel/Definition.ts"
import type { CompiledMessage } from "../../channel/Definition.ts"
import type { Payload } from "../../channel/Payload.ts"
import * as Reserved from "../../channel/wire/Reserved.ts"
import type { MemorySocket } from "./MemorySocket.ts"
import { ErrorReply } from "./TestTopic.ts"
import type { TestTopic } from "./TestTopic.ts"

/** The channel `channel` of a client. Internal to the testing kits. */
export const typed = <C extends Any>(socket: MemorySocket, channel: C, params: Params<C>): TestTopic<C> => {
  const compiled = compiledOf(channel)!
  const { incoming, join } = compiled.definition
  const topic = compiled.topic(params)

  const ask = (event: string, definition: CompiledMessage, declares: boolean, value: unknown) =>
    Effect.gen(function* () {
      const payload = yield* Effect.orDie(definition.payload.encode(value))
      if (event !== Reserved.join && !definition.replies) return void socket.notify(topic, event, payload)
      const { response, status } = yield* socket.push(topic, event, payload)
      if (status === "ok") return yield* Effect.orDie(definition.reply.decode(response))
      const undeclared = () => new ErrorReply({ topic, event, status, response })
      if (!declares) return yield* undeclared()
      return yield* Effect.flatMap(Effect.mapError(definition.error.decode(response), undeclared), Effect.fail)
    })

  const out = {
    topic,
    join: (payload?: unknown) => ask(Reserved.join, compiled.join, join?.error !== undefined, payload),
    push: (event: string, payload?: unknown) =>
      ask(event, compiled.incoming.get(event)!, incoming?.[event]?.error !== undefined, payload),
    next: (event: string) =>
      Effect.flatMap(
        socket.next((message) => message.topic === topic && message.event === event),
        ({ payload }) => Effect.orDie(compiled.outgoing.get(event)!.decode(payload as Payload))
      ),
    leave: Effect.asVoid(socket.push(topic, Reserved.leave, {}))
  }
  return out as never
}
