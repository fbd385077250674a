/**
 * Describes the differences between a request and the expected one, as lines for a person. Internal to the testing kit.
 *
 * @since 0.1.0
 */
import type { SentRequest } from "./SentRequest.ts"

/** One difference: `weight` says how far it takes the two apart. */
export interface Difference {
  readonly line: string
  readonly weight: number
}

/** A difference, unless the two are equal. */
export const between = (
  what: string,
  expected: string | undefined,
  actual: string | undefined,
  weight: number
): ReadonlyArray<Difference> =>
  expected === actual ? [] : [{ line: `${what}: expected ${quoted(expected)}, got ${quoted(actual)}`, weight }]

/** The differences of two URLs, part by part; another host or path is further away than another query. */
export const betweenUrls = (expected: string, actual: string): ReadonlyArray<Difference> => {
  if (expected === actual) return []
  if (!URL.canParse(expected) || !URL.canParse(actual)) return between("url", expected, actual, 8)
  const [wanted, got] = [new URL(expected), new URL(actual)]
  const parts = [
    ...between("origin", wanted.origin, got.origin, 8),
    ...between("path", wanted.pathname, got.pathname, 6),
    ...betweenQueries(wanted.searchParams, got.searchParams)
  ]
  // Without a difference in any part, these are two spellings of one URL.
  return parts.length === 0 ? between("url", expected, actual, 1) : parts
}

const betweenQueries = (expected: URLSearchParams, actual: URLSearchParams): ReadonlyArray<Difference> => {
  const names = new Set([...expected.keys(), ...actual.keys()])
  const differences = [...names].flatMap((name) =>
    between(`query ${name}`, shown(expected.getAll(name)), shown(actual.getAll(name)), 2)
  )
  return differences.length === 0 ? between("query", expected.toString(), actual.toString(), 1) : differences
}

const shown = (values: ReadonlyArray<string>): string | undefined =>
  values.length === 0 ? undefined : values.join(", ")

/** The differences of two bodies: of JSON by path, of text by line, of other bytes by their number and first difference. */
export const betweenBodies = (expected: Uint8Array, actual: Uint8Array): ReadonlyArray<Difference> => {
  const at = expected.findIndex((byte, index) => byte !== actual[index])
  if (at === -1 && expected.length === actual.length) return []
  const [wanted, got] = [textOf(expected), textOf(actual)]
  if (wanted === undefined || got === undefined) {
    const first = at === -1 ? expected.length : at
    return [
      {
        line: `body: expected ${expected.length} bytes, got ${actual.length}, different from byte ${first} on`,
        weight: 3
      }
    ]
  }
  const [wantedJson, gotJson] = [jsonOf(wanted), jsonOf(got)]
  if (wantedJson !== undefined && gotJson !== undefined) {
    const differences = betweenJson("body", wantedJson.value, gotJson.value)
    if (differences.length > 0) return differences
  }
  return betweenTexts(wanted, got)
}

/** The differences of two JSON values, by path. */
export const betweenJson = (path: string, expected: unknown, actual: unknown): ReadonlyArray<Difference> => {
  if (isObject(expected) && isObject(actual) && Array.isArray(expected) === Array.isArray(actual)) {
    const names = new Set([...Object.keys(expected), ...Object.keys(actual)])
    return [...names].flatMap((name) =>
      betweenJson(Array.isArray(expected) ? `${path}[${name}]` : `${path}.${name}`, expected[name], actual[name])
    )
  }
  return Object.is(expected, actual)
    ? []
    : [{ line: `${path}: expected ${asJson(expected)}, got ${asJson(actual)}`, weight: 1 }]
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null

const betweenTexts = (expected: string, actual: string): ReadonlyArray<Difference> => {
  const [wanted, got] = [expected.split("\n"), actual.split("\n")]
  const at = wanted.findIndex((line, index) => line !== got[index])
  const line = at === -1 ? wanted.length : at
  return between(wanted.length + got.length === 2 ? "body" : `body line ${line + 1}`, wanted[line], got[line], 3)
}

const quoted = (value: string | undefined): string => asJson(value)

const asJson = (value: unknown): string => {
  const text = value === undefined ? "nothing" : JSON.stringify(value)
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

/** The bytes as text, when they are UTF-8. */
export const textOf = (bytes: Uint8Array): string | undefined => {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** The text as JSON, when it is some. */
export const jsonOf = (text: string): { readonly value: unknown } | undefined => {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}

/** A candidate that a request was compared with. */
export interface Compared {
  /** The candidate's name, such as `interaction 3: GET https://api.test/`. */
  readonly name: string
  readonly differences: ReadonlyArray<Difference>
}

/** The candidate with the smallest difference. */
const nearest = (candidates: ReadonlyArray<Compared>): Compared | undefined => {
  const distance = ({ differences }: Compared) => differences.reduce((sum, { weight }) => sum + weight, 0)
  return candidates.toSorted((a, b) => distance(a) - distance(b))[0]
}

/** The lines with the request as sent, the nearest candidate and the differences between them. */
export const explain = (
  sent: Pick<SentRequest, "method" | "url">,
  candidates: ReadonlyArray<Compared>,
  words: { readonly none: string; readonly nearest: string; readonly used: string }
): string => {
  const near = nearest(candidates)
  if (near === undefined) return `${sent.method} ${sent.url}: ${words.none}`
  const lines = near.differences.length === 0 ? [words.used] : near.differences.map(({ line }) => line)
  return [`${sent.method} ${sent.url}: ${words.nearest} ${near.name}`, ...lines.map((line) => `  ${line}`)].join("\n")
}
