/**
 * The requests of a joined channel to its client, which wait for their answers. Internal to the channel part.
 *
 * A request is a push with `{ request_id, payload }`. The client answers by the event `request_reply` with `{ request_id, status, response }`; the answer does not
 * wait for the handler that asked.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schema from "effect/Schema"

import type { RequestOptions } from "../ApiTypes.ts"
import { ClientRequestError } from "../ClientRequestError.ts"
import type { CompiledMessage } from "../Definition.ts"
import type { Payload } from "../Payload.ts"

interface Answer {
  readonly status: string
  readonly response: Schema.Json
}

type Resume = (exit: Exit.Exit<Answer, ClientRequestError>) => void

const fieldsOf = (payload: Payload): Readonly<Record<string, Schema.Json | undefined>> =>
  typeof payload === "object" && payload !== null && !Array.isArray(payload) && !(payload instanceof Uint8Array)
    ? (payload as Readonly<Record<string, Schema.Json | undefined>>)
    : {}

/** Encodes the payload of a request. A value that cannot be encoded is a defect: its type was right. */
export const encodeRequest = ({ payload }: CompiledMessage, value: unknown): Effect.Effect<Schema.Json, never, any> =>
  // Bytes cannot be part of the JSON that a request is.
  Effect.orDie(payload.encode(value)) as Effect.Effect<Schema.Json, never, any>

/** Reads the answer to a request. */
export const decodeAnswer = (
  { error, reply }: CompiledMessage,
  { response, status }: Answer,
  invalid: () => ClientRequestError
): Effect.Effect<unknown, unknown, any> =>
  status === "ok"
    ? Effect.mapError(reply.decode(response), invalid)
    : Effect.flatMap(Effect.mapError(error.decode(response), invalid), Effect.fail)

/** The requests that a client has not answered yet. */
export class ClientRequests {
  private readonly waiting = new Map<string, Resume>()
  private count = 0

  /** Asks, and waits for the answer. `send` pushes the payload. */
  ask(
    topic: string,
    event: string,
    payload: Schema.Json,
    send: (payload: Payload) => void,
    { timeout = "10 seconds" }: RequestOptions = {}
  ): Effect.Effect<Answer, ClientRequestError> {
    const failed = (reason: ClientRequestError["reason"]) => new ClientRequestError({ topic, event, reason })
    return Effect.callback<Answer, ClientRequestError>((resume) => {
      const id = `r${++this.count}`
      this.waiting.set(id, (exit) => resume(Exit.isSuccess(exit) ? exit : Exit.fail(failed("channel ended"))))
      send({ request_id: id, payload })
      return Effect.sync(() => this.waiting.delete(id))
    }).pipe(Effect.timeoutOrElse({ duration: Duration.fromInputUnsafe(timeout), orElse: () => failed("timed out") }))
  }

  /** Takes an answer; whether a request waited for it. */
  answer(payload: Payload): boolean {
    const { request_id: id, response = {}, status = "ok" } = fieldsOf(payload)
    const resume = typeof id === "string" ? this.waiting.get(id) : undefined
    if (resume === undefined || typeof id !== "string") return false
    this.waiting.delete(id)
    resume(Exit.succeed({ status: typeof status === "string" ? status : "error", response }))
    return true
  }

  /** The channel ended: nothing is answered any more. */
  end(): void {
    for (const resume of this.waiting.values()) resume(Exit.interrupt())
    this.waiting.clear()
  }
}
