/**
 * Topic patterns: exact topics, topics with parameters, and prefixes. Internal to the channel part.
 *
 * 1. `{name}` matches at least one character, up to the first occurrence of the text after it in the pattern; the last one matches the whole rest.
 * 2. A final `*` matches any rest, the empty one too, as in Phoenix; its parameter is called `*`.
 * 3. Of several patterns that match, the first declared wins.
 * 4. A topic is matched in linear time: the pattern is split at its literal text, and no place is tried twice.
 *
 * @since 0.1.0
 */
import { checkOptions } from "../core/Options.ts"

/**
 * The names of a pattern's parameters.
 *
 * @category models
 * @since 0.1.0
 */
export type ParamNames<P extends string> = P extends `${string}{${infer N}}${infer Rest}`
  ? N | ParamNames<Rest>
  : P extends `${string}*`
    ? "*"
    : never

/**
 * The topics that a pattern matches.
 *
 * @category models
 * @since 0.1.0
 */
export type Topic<P extends string> = P extends `${infer A}{${string}}${infer Rest}`
  ? `${A}${string}${Topic<Rest>}`
  : P extends `${infer A}*`
    ? `${A}${string}`
    : P

/** A pattern that was read. */
export interface Pattern {
  readonly text: string
  /** The parameters of a topic, or nothing when it does not match. */
  readonly match: (topic: string) => ReadonlyMap<string, string> | undefined
  /** The topic of parameters; throws when it would not be read back as these. */
  readonly build: (params: ReadonlyMap<string, string>) => string
}

const none: ReadonlyMap<string, string> = new Map()

const piece = /\{([^{}]*)\}|\*$|[^{*]+|[{*]/g

/** Reads a pattern. Throws for a mistake in it, which is one in the program. */
export const parse = (text: string): Pattern => {
  const fault = (what: string) => checkOptions("channel").invalid("topic", `the pattern "${text}" ${what}`)
  if (text === "phoenix") throw fault("is the protocol's own topic: choose another")
  const names: Array<string> = []
  const parts: Array<{ readonly name: string } | string> = []
  for (const [found, name] of text.matchAll(piece)) {
    if (found !== "*" && name === undefined) {
      if (found === "{" || found === "*")
        throw fault(`has a "${found}" that means nothing: write {name}, or * at its end`)
      parts.push(found)
      continue
    }
    const param = name ?? "*"
    if (param === "") throw fault("has a parameter without a name")
    if (names.includes(param)) throw fault(`names {${param}} twice`)
    if (typeof parts.at(-1) === "object") throw fault(`needs some text between {${names.at(-1)}} and {${param}}`)
    names.push(param)
    parts.push({ name: param })
  }
  if (parts.length === 0) throw fault("is empty: name a topic")
  if (names.length === 0) return { text, match: (topic) => (topic === text ? none : undefined), build: () => text }
  const match = (topic: string) => read(topic, parts)
  const build = (params: ReadonlyMap<string, string>) => {
    const topic = parts.map((part) => (typeof part === "string" ? part : (params.get(part.name) ?? ""))).join("")
    const read = match(topic)
    for (const name of names) {
      if (read?.get(name) === params.get(name)) continue
      throw new TypeError(
        `No topic of "${text}" has ${JSON.stringify(params.get(name))} as {${name}}: it would be read back as another`
      )
    }
    return topic
  }
  return { text, match, build }
}

const read = (
  topic: string,
  parts: ReadonlyArray<{ readonly name: string } | string>
): ReadonlyMap<string, string> | undefined => {
  const params = new Map<string, string>()
  let start = 0
  for (const [index, part] of parts.entries()) {
    if (typeof part === "string") {
      if (!topic.startsWith(part, start)) return undefined
      start += part.length
      continue
    }
    const literal = parts[index + 1]
    const end = typeof literal === "string" ? topic.indexOf(literal, start) : topic.length
    if (end === -1 || (end === start && part.name !== "*")) return undefined
    params.set(part.name, topic.slice(start, end))
    start = end
  }
  return start === topic.length ? params : undefined
}
