/**
 * Topic patterns: exact topics, topics with parameters, and prefixes. Internal to the channel part.
 *
 * 1. `{name}` stands for at least one character, up to the text that follows it in the pattern; the last one takes all that is left.
 * 2. A final `*` stands for any rest, the empty one too, as in Phoenix; its parameter is called `*`.
 * 3. Of several patterns that match, the first declared wins.
 *
 * @since 0.1.0
 */

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
  const fault = (what: string) => new TypeError(`The topic pattern "${text}" ${what}`)
  if (text === "phoenix") throw fault("is the protocol's own topic: choose another")
  const names: Array<string> = []
  const parts: Array<{ readonly name: string } | string> = []
  let source = ""
  for (const [found, name] of text.matchAll(piece)) {
    if (found !== "*" && name === undefined) {
      if (found === "{" || found === "*")
        throw fault(`has a "${found}" that stands for nothing: write {name}, or * at its end`)
      parts.push(found)
      source += found.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")
      continue
    }
    const param = name ?? "*"
    if (param === "") throw fault("has a parameter without a name")
    if (names.includes(param)) throw fault(`names {${param}} twice`)
    if (typeof parts.at(-1) === "object") throw fault(`needs some text between {${names.at(-1)}} and {${param}}`)
    names.push(param)
    parts.push({ name: param })
    source += name === undefined ? "([^]*)" : "([^]+?)"
  }
  if (parts.length === 0) throw new TypeError("A topic pattern is empty: name a topic")
  if (names.length === 0) return { text, match: (topic) => (topic === text ? none : undefined), build: () => text }
  const expression = new RegExp(`^${source}$`)
  const match = (topic: string) => {
    const found = expression.exec(topic)
    return found === null ? undefined : new Map(names.map((name, index) => [name, found[index + 1]!]))
  }
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
