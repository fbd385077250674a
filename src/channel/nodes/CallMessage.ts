/**
 * The messages of calls between nodes, and texts in parts that fit into any broker. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"

import type { Payload } from "../Payload.ts"

/** A part of a text. */
export interface Part {
  readonly part: number
  readonly parts: number
  readonly text: string
}

/** A message of the caller. */
export type CallerMessage =
  | ({ readonly _tag: "Call" } & Part)
  /** Asks whether the call is being worked on. */
  | { readonly _tag: "Probe" }
  /** The whole answer has arrived. */
  | { readonly _tag: "Taken" }
  /** The caller needs no answer any more. */
  | { readonly _tag: "Cancelled" }

/** A message of the called node. */
export type CalledMessage =
  | { readonly _tag: "Working" }
  | ({ readonly _tag: "Answer"; readonly isFinal: boolean } & Part)
  /** Whether the answer is the caller's; otherwise it was taken back. */
  | { readonly _tag: "Settled"; readonly isTaken: boolean }

/** A message about one call, and the address of its sender. */
export type CallMessage = (CallerMessage | CalledMessage) & { readonly id: string; readonly from: string }

/** At most 192 KiB in UTF-8: NATS takes 1 MB. */
const maxPartChars = 64 * 1024

/** More parts than this are a fault of the sender. */
const maxParts = 4096

/** A text in parts. */
export const partsOf = (text: string): ReadonlyArray<Part> => {
  const parts = Math.max(1, Math.ceil(text.length / maxPartChars))
  return Array.from({ length: parts }, (_, part) => ({
    part,
    parts,
    text: text.slice(part * maxPartChars, (part + 1) * maxPartChars)
  }))
}

/** A text whose parts arrive in any order, and perhaps twice. */
export class Assembly {
  private readonly texts = new Map<number, string>()
  private parts: number | undefined = undefined

  /** Adds a part. Returns the text when it is whole. */
  add({ part, parts, text }: Part): string | undefined {
    this.parts ??= parts
    if (parts !== this.parts || parts > maxParts || part < 0 || part >= parts) return undefined
    this.texts.set(part, text)
    if (this.texts.size < parts) return undefined
    return Array.from({ length: parts }, (_, index) => this.texts.get(index)).join("")
  }
}

const tags: ReadonlySet<unknown> = new Set([
  "Call",
  "Probe",
  "Taken",
  "Cancelled",
  "Working",
  "Answer",
  "Settled"
] satisfies ReadonlyArray<CallMessage["_tag"]>)

/** The message of a payload; nothing for a payload of another form, such as a later version may send. */
export const callMessageOf = (payload: Payload): CallMessage | undefined => {
  if (typeof payload !== "object" || payload === null || payload instanceof Uint8Array || Array.isArray(payload)) {
    return undefined
  }
  const { _tag, from, id, part, parts, text } = payload as Schema.JsonObject
  if (!tags.has(_tag) || typeof id !== "string" || typeof from !== "string") return undefined
  const isWhole = Number.isInteger(part) && Number.isInteger(parts) && typeof text === "string"
  if ((_tag === "Call" || _tag === "Answer") && !isWhole) return undefined
  return payload as unknown as CallMessage
}
