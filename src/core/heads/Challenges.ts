/**
 * Authentication challenges by RFC 9110 §11: the values of `WWW-Authenticate` and `Proxy-Authenticate`, as data.
 *
 * 1. A field may hold several challenges, and a challenge several parameters: commas part both, and quoted values contain commas too.
 * 2. A word followed by `=` and a value is a parameter of the challenge before it; any other word begins a challenge.
 * 3. What follows no rule is skipped up to the next comma; nothing throws, and the time is linear in the length.
 *
 * @since 0.1.0
 */

/**
 * A challenge: a scheme with either a `token68` or parameters. Scheme and parameter names are in lower case; the first of several equal names counts.
 *
 * @category models
 * @since 0.1.0
 */
export interface Challenge {
  readonly scheme: string
  readonly token68: string | undefined
  readonly parameters: ReadonlyMap<string, string>
}

const token = /[!#$%&'*+.^_`|~\dA-Za-z-]+/y
const token68 = /[\w.~+/-]+=*(?=[ \t]*(?:,|$))/y
const equals = /[ \t]*=[ \t]*/y
const quoted = /"([^"\\]*(?:\\[\s\S][^"\\]*)*)"/y
const blanks = /[ \t]+/y
const gap = /[ \t,]*/y
const end = /[ \t]*(?=,|$)/y

class Reader {
  at = 0
  /** Whether a quote without an end was met: the text after it is not searched again. */
  private unclosed = false
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)
    if (found === null) return undefined
    this.at = pattern.lastIndex
    return found
  }

  /** Reads the text between quotes; without quotes it returns nothing and does not move. */
  quoted(): string | undefined {
    if (this.unclosed || this.text[this.at] !== '"') return undefined
    const inside = this.take(quoted)?.[1]
    if (inside === undefined) this.unclosed = true
    return inside
  }

  /** Moves to the next comma outside of quotes. */
  skip(): void {
    while (this.at < this.text.length && this.text[this.at] !== ",") {
      if (this.quoted() === undefined) this.at++
    }
  }

  /** A parameter, or nothing and no move. */
  parameter(): readonly [string, string] | undefined {
    const start = this.at
    const name = this.take(token)?.[0]
    if (name !== undefined && this.take(equals) !== undefined) {
      const value = this.quoted()?.replaceAll(/\\([\s\S])/g, "$1") ?? this.take(token)?.[0]
      if (value !== undefined && this.take(end) !== undefined) return [name.toLowerCase(), value]
    }
    this.at = start
    return undefined
  }
}

/**
 * Reads the challenges of a field. Several lines of it are joined by commas first, as `Headers` does.
 *
 * **Example** (A field with two challenges)
 *
 * ```ts
 * import { parseChallenges } from "fairlead/client/handlers"
 *
 * parseChallenges('Newauth realm="a, b", type=1, Basic realm="simple"').map(({ scheme }) => scheme) // ["newauth", "basic"]
 * ```
 *
 * @category parsing
 * @since 0.1.0
 */
export const parseChallenges = (field: string): ReadonlyArray<Challenge> => {
  const reader = new Reader(field)
  const challenges: Array<Challenge & { readonly parameters: Map<string, string> }> = []
  const add = ([name, value]: readonly [string, string]): void => {
    const last = challenges.at(-1)
    if (last !== undefined && last.token68 === undefined && !last.parameters.has(name)) last.parameters.set(name, value)
  }
  for (reader.take(gap); reader.at < field.length; reader.take(gap)) {
    const parameter = reader.parameter()
    if (parameter !== undefined) {
      add(parameter)
      continue
    }
    const scheme = reader.take(token)?.[0]
    const spaced = scheme === undefined ? undefined : reader.take(blanks)
    const closed = reader.at === field.length || field[reader.at] === ","
    if (scheme !== undefined && (spaced !== undefined || closed)) {
      const credentials = spaced === undefined || closed ? undefined : reader.take(token68)?.[0]
      challenges.push({ scheme: scheme.toLowerCase(), token68: credentials, parameters: new Map() })
      const first = spaced === undefined || closed || credentials !== undefined ? undefined : reader.parameter()
      if (first !== undefined) add(first)
    }
    reader.skip()
  }
  return challenges
}

/**
 * Writes challenges as a field that `parseChallenges` reads back.
 *
 * @category formatting
 * @since 0.1.0
 */
export const formatChallenges = (challenges: ReadonlyArray<Challenge>): string =>
  challenges
    .map(({ parameters, scheme, token68 }) => {
      const pairs = Array.from(parameters, ([name, value]) => `${name}=${quote(value)}`).join(", ")
      const told = token68 ?? pairs
      return told === "" ? scheme : `${scheme} ${told}`
    })
    .join(", ")

/** A value as a quoted string (RFC 9110 §5.6.4). */
export const quote = (value: string): string => `"${value.replaceAll(/["\\]/g, "\\$&")}"`
