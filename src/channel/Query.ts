/**
 * The query of a connect: the parameters of the application, and the version of the protocol. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type { NestedQuery, QueryValue } from "./ChannelSocket.ts"

/** The query of a client's connect. */
interface Query {
  readonly params: ReadonlyMap<string, string>
  readonly vsn: string | undefined
}

// Most sockets have no parameters, and all of them can do with one map.
const noParams: ReadonlyMap<string, string> = new Map()

const searchOf = (url: string): URLSearchParams => {
  const start = url.indexOf("?")
  return new URLSearchParams(start === -1 ? "" : url.slice(start + 1))
}

const versionAlone = /^[^?]*\?vsn=([\d.]+)$/

/** Reads the query of a URL. */
export const queryOf = (url: string): Query => {
  const [, only] = versionAlone.exec(url) ?? []
  if (only !== undefined) return { params: noParams, vsn: only }
  const params = new Map(searchOf(url))
  const vsn = params.get("vsn")
  params.delete("vsn")
  return { params: params.size === 0 ? noParams : params, vsn }
}

const shape = /^([^[\]]+)((?:\[[^[\]]*\])+)$/

/** How deep a query is read; deeper brackets stay a part of the name. */
const maxDepth = 8

/** The steps of a name: `user[address][city]` has three, and the last of `tags[]` is empty. */
const stepsOf = (name: string): ReadonlyArray<string> => {
  const [, first, rest] = shape.exec(name) ?? []
  if (first === undefined || rest === undefined) return [name]
  const steps = [first, ...rest.slice(1, -1).split("][")]
  return steps.length > maxDepth ? [name] : steps
}

type Values = Map<string, Values | string>

// A list has the names 0, 1, … after its empty step, and is known by its own class.
class List extends Map<string, Values | string> {}

const plain = (values: Values): QueryValue => {
  const entries = Array.from(values, ([name, value]): readonly [string, QueryValue] => [
    name,
    typeof value === "string" ? value : plain(value)
  ])
  return values instanceof List ? entries.map(([, value]) => value) : Object.fromEntries(entries)
}

/** The query with its nested names, as phoenix.js writes them: `user[id]=1&tags[]=a`. */
export const nestedOf = (url: string): NestedQuery => {
  const values: Values = new Map()
  for (const [name, value] of searchOf(url)) {
    if (name === "vsn") continue
    const steps = stepsOf(name)
    let at: Values = values
    for (const [index, step] of steps.entries()) {
      const key = step === "" ? String(at.size) : step
      const next = steps[index + 1]
      if (next === undefined) {
        at.set(key, value)
        break
      }
      const present = at.get(key)
      const inner: Values =
        present === undefined || typeof present === "string" || present instanceof List !== (next === "")
          ? next === ""
            ? new List()
            : new Map<string, Values | string>()
          : present
      at.set(key, inner)
      at = inner
    }
  }
  return plain(values) as NestedQuery
}
