/**
 * Compares requests with the expectations of a script.
 *
 * @since 0.1.0
 */
import { between, betweenBodies, betweenJson, betweenUrls, jsonOf, textOf } from "./Difference.ts"
import type { Difference } from "./Difference.ts"
import type { SentRequest } from "./SentRequest.ts"

/**
 * A request that a script expects. Omitted members are not compared. As a text: the method and the URL, such as `GET /rooms?limit=2`.
 *
 * @category models
 * @since 0.1.0
 */
export type Expected = string | ExpectedRequest

/**
 * The members of an expected request.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExpectedRequest {
  readonly method?: string
  /** From its `/` on, or with its origin; the query counts. A pattern is tested against the whole URL. */
  readonly url?: string | RegExp
  /** These headers, exactly or by a pattern; `undefined` for one that must be missing. Others may be there. */
  readonly headers?: Readonly<Record<string, string | RegExp | undefined>>
  /** The whole body, as text or bytes. */
  readonly body?: string | Uint8Array
  /** The whole body, as JSON. */
  readonly json?: unknown
}

/** The expected request, from its text. */
export const toExpected = (expected: Expected): ExpectedRequest => {
  if (typeof expected !== "string") return expected
  const [method = "", url] = expected.split(" ")
  return url === undefined ? { url: method } : { method, url }
}

/** How an expected request is called in messages. */
export const nameOf = ({ method = "any method", url = "any URL" }: ExpectedRequest): string => `${method} ${url}`

/** The differences of a request from the expected one. */
export const compare = (expected: ExpectedRequest, sent: SentRequest): ReadonlyArray<Difference> => [
  ...(expected.method === undefined ? [] : between("method", expected.method.toUpperCase(), sent.method, 4)),
  ...compareUrl(expected.url, sent.url),
  ...Object.entries(expected.headers ?? {}).flatMap(([name, value]) =>
    compareText(`header ${name}`, value, sent.headers[name.toLowerCase()])
  ),
  ...(expected.body === undefined ? [] : betweenBodies(bytesOf(expected.body), sent.body)),
  ...("json" in expected ? compareJson(expected.json, sent.body) : [])
]

const bytesOf = (body: string | Uint8Array): Uint8Array =>
  typeof body === "string" ? new TextEncoder().encode(body) : body

const compareUrl = (expected: string | RegExp | undefined, actual: string): ReadonlyArray<Difference> => {
  if (expected === undefined) return []
  if (typeof expected !== "string") return compareText("url", expected, actual, 8)
  const absolute = expected.startsWith("/") && URL.canParse(actual) ? new URL(actual).origin + expected : expected
  return betweenUrls(URL.canParse(absolute) ? new URL(absolute).href : absolute, actual)
}

const compareText = (
  what: string,
  expected: string | RegExp | undefined,
  actual: string | undefined,
  weight = 2
): ReadonlyArray<Difference> => {
  if (!(expected instanceof RegExp)) return between(what, expected, actual, weight)
  // A pattern with the flag g or y keeps a place between tests.
  return actual !== undefined && actual.search(expected) !== -1 ? [] : between(what, String(expected), actual, weight)
}

const compareJson = (expected: unknown, body: Uint8Array): ReadonlyArray<Difference> => {
  const text = textOf(body)
  const json = text === undefined ? undefined : jsonOf(text)
  return json === undefined
    ? [{ line: `body: expected JSON, got ${JSON.stringify(text ?? "bytes")}`, weight: 3 }]
    : betweenJson("body", expected, json.value)
}
