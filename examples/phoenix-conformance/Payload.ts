/** Payloads of any shape: these channels take what comes, as Phoenix's take maps. */
import { Schema } from "effect"
import type { ChannelApi } from "fairlead/channel"

type Payload = typeof ChannelApi.AnyPayload.Type

/** No fields: `{:reply, :ok, socket}` on the wire. */
export const Empty = Schema.Struct({})

/** The fields of an object. */
export type Fields = { readonly [name: string]: Schema.Json }

/** Those of a payload; none where it is no object. */
export const fields = (payload: Payload): Fields =>
  typeof payload === "object" && payload !== null && !Array.isArray(payload) && !(payload instanceof Uint8Array)
    ? (payload as Fields)
    : {}
