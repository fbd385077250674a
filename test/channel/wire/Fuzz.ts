/**
 * Frames that no client in its right mind sends: valid ones with faults, and noise.
 */
import type { Frame, Wire } from "../../../src/channel/wire/Message.ts"

/** Numbers from 0 (inclusive) to a bound (exclusive), the same ones for the same seed. */
export type Below = (bound: number) => number

/** Mulberry32: fast-check draws the seed, for it takes too long to draw every character. */
export const random = (seed: number): Below => {
  let state = seed
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound
  }
}

// Written with blanks between them.
const listed = (list: string): ReadonlyArray<string> => list.split(" ")
const strings = listed(
  String.raw`"" "a" "12345678" "1234567890" "tøpic" "😀é" "\ud83d\ude00" "\ud800" "\"[[" "__proto__"`
)
const scalars = strings.concat(listed("null true 0 -0 1.5 1e999 -1e999 12345678901234567890"))
const refs = strings.concat(listed("null 1 2.5 1e999"))
const names = ["", "a", "12345678", "1234567890", "tøpic", "😀é", "\u0000", "\ufeff", "__proto__"]
const tokens = [" ", "\n", "\ud800", "\udc00", "\u0000", "\u007f", "\ufeff"].concat(
  listed(String.raw`[ ] { } " , : \ [[[[ ]]]] {"a": [{"b":[ \u \\ é 😀 - . 0x1 "topic": "payload":`),
  scalars
)

type Choice = <A>(options: ReadonlyArray<A>) => A

const json = (below: Below, one: Choice, depth: number): string => {
  if (depth === 0 || below(3) === 0) return one(scalars)
  const inside = Array.from({ length: below(3) }, () => json(below, one, depth - 1))
  return below(2) === 0 ? `[${inside.join()}]` : `{${inside.map((value) => `${one(strings)}:${value}`).join()}}`
}

/** The text of a message; one field in sixteen is anything. */
const text = (below: Below, one: Choice, version: Wire["version"]): string => {
  const payload = () => json(below, one, below(7))
  const [joinRef, ref, topic, event] = [refs, refs, strings, strings].map((texts) =>
    below(16) === 0 ? payload() : one(texts)
  )
  if (version === "2.0.0")
    return `[${[joinRef, ref, topic, event, payload(), "6"].slice(0, one([4, 5, 5, 5, 5, 6])).join()}]`
  const fields = [
    `"topic":${topic}`,
    `"event":${event}`,
    `"payload":${payload()}`,
    `"ref":${ref}`,
    `"join_ref":${joinRef}`
  ]
  if (below(8) === 0) fields[below(5)] = `"more":${payload()}`
  return `{${fields.join()}}`
}

const noise = (below: Below, one: Choice): string =>
  Array.from({ length: below(30) }, () =>
    below(2) === 0 ? one(tokens) : String.fromCharCode(below(one([128, 65_536])))
  ).join("")

/** A push; one in eight is of another kind. */
const push = (below: Below, one: Choice): Uint8Array => {
  const parts = Array.from({ length: 4 }, () => Buffer.from(one(names)))
  return Buffer.concat([
    Buffer.of(below(8) === 0 ? below(256) : 0, ...parts.map((part) => part.length)),
    ...parts,
    Uint8Array.from({ length: below(4) }, () => below(256))
  ])
}

const withFault = (below: Below, one: Choice, text: string): string => {
  const at = below(text.length + 1)
  const end = at + below(one([2, 2, 40]))
  return text.slice(0, at) + one([one(tokens), "", text.slice(at, end).repeat(2)]) + text.slice(end)
}

const withFaultyByte = (below: Below, one: Choice, frame: Uint8Array): Uint8Array => {
  const at = below(frame.length + 1)
  const end = at + below(3)
  const put = one([[below(256)], [0xff], [0xc3], [], frame.subarray(0, at), frame.subarray(at)])
  return Buffer.concat([frame.subarray(0, at), Uint8Array.from(put), frame.subarray(end)])
}

/** A frame for a version: with no fault or a few of them, or noise; of either opcode. */
export const frame = (below: Below, version: Wire["version"]): Frame => {
  const one: Choice = (options) => options[below(options.length)]!
  const faults = one([0, 0, 0, 0, 1, 2, 3])
  const isText = below(2) === 0
  if (below(8) === 0) {
    return isText ? noise(below, one) : Uint8Array.from({ length: below(40) }, (_, at) => below(at < 5 ? 4 : 256))
  }
  if (version === "2.0.0" && !isText) {
    let frame = push(below, one)
    for (let count = 0; count < faults; count++) frame = withFaultyByte(below, one, frame)
    return frame
  }
  let frame = text(below, one, below(20) === 0 ? one(["1.0.0", "2.0.0"]) : version)
  for (let count = 0; count < faults; count++) frame = withFault(below, one, frame)
  if (isText) return frame
  const encoded = Buffer.from(frame)
  return below(4) === 0 ? withFaultyByte(below, one, encoded) : encoded
}
