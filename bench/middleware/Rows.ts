/** The rows of the bench of middleware: their requests, and how a response shows that the middleware did its work. */
import { createHmac } from "node:crypto"

import { apiHost } from "./Subject.ts"
import type { Answer, Sent } from "./Subject.ts"

export const origin = "https://app.example"
export const stranger = "https://evil.example"
export const user = "ada"
export const password = "correct horse battery staple"
export const bearer = "8f14e45fceea167a5a36dedd4bea2543"
export const issuer = "https://id.example"
export const audience = "https://api.example"
export const jwtSecret = "a secret of at least thirty-two bytes"
/** The limit of the rows with a timeout, in milliseconds: more than a request takes on a busy machine. `/slow` never answers. */
export const timeoutMillis = 5000
export const slowPath = "/slow"
/** Answers with a token, where forged requests are known by one. */
export const tokenPath = "/token"
export const maxBytes = 1024 * 1024
/** Never reached. */
export const rate = 1_000_000_000

const base64url = (text: string): string => Buffer.from(text).toString("base64url")

const signed = (claims: object): string => {
  const head = `${base64url(JSON.stringify({ alg: "HS256", typ: "JWT" }))}.${base64url(JSON.stringify(claims))}`
  return `${head}.${createHmac("sha256", jwtSecret).update(head).digest("base64url")}`
}

const jwt = signed({ iss: issuer, aud: audience, sub: user, iat: 1_700_000_000, exp: 4_000_000_000 })

/** All requests have the same headers, so that the price of a row is that of its middleware. */
const headers = { host: apiHost, origin, "user-agent": "bench", authorization: `Bearer ${bearer}` }

const text = "guides a line past everything it could chafe on. ".repeat(2)
const json = JSON.stringify({ name: "Fairlead", seats: 12, tags: ["rope", "deck"] })

const get: Sent = { method: "GET", path: "/rooms?page=1", headers }
const posted = (type: string, body: string): Sent => ({
  method: "POST",
  path: "/rooms?page=1",
  headers: { ...headers, "content-type": type, "content-length": String(Buffer.byteLength(body)) },
  body
})
const post = posted("text/plain", text)
const postJson = posted("application/json", json)

export const withHeaders = (sent: Sent, headers: Readonly<Record<string, string>>): Sent => ({
  ...sent,
  headers: { ...sent.headers, ...headers }
})

export interface Row {
  /** The row of the same request without middleware; without it the whole request is shown. */
  readonly without?: RowName
  readonly sent: Sent
  /** A request before all others, and the headers that its response adds to them. */
  readonly first?: { readonly sent: Sent; readonly learn: (answer: Answer) => Readonly<Record<string, string>> }
  readonly works: (answer: Answer) => boolean
  /** A request that the middleware answers in another way. */
  readonly otherwise?: { readonly sent: Sent; readonly works: (answer: Answer) => boolean }
  /** Whether each request adds a line to the access log, or more. */
  readonly logs?: boolean
  /** Whether it needs the address of a socket. */
  readonly overSocket?: boolean
}

const isOk = ({ status }: Answer): boolean => status === 200
const has =
  (...names: ReadonlyArray<string>) =>
  (answer: Answer): boolean =>
    answer.status < 300 && names.every((name) => answer.header(name) !== undefined)
const isStatus =
  (...allowed: ReadonlyArray<number>) =>
  ({ status }: Answer): boolean =>
    allowed.includes(status)
const cookieOf = (answer: Answer): Readonly<Record<string, string>> => {
  const cookie = answer.header("set-cookie")
  return cookie === undefined ? {} : { cookie: cookie.slice(0, cookie.indexOf(";")) }
}
const tokenOf = (answer: Answer): Readonly<Record<string, string>> => {
  const { token } = JSON.parse(answer.body) as { readonly token?: string }
  return { ...cookieOf(answer), ...(token === undefined ? {} : { "csrf-token": token }) }
}
const plain = "no middleware, GET"
const withGet = { without: plain, sent: get } as const
const together = ["x-content-type-options", "x-request-id", "etag"]

const define = <const Names extends string>(
  rows: Record<Names, Omit<Row, "without"> & { readonly without?: string }>
) => rows

const all = define({
  [plain]: { sent: get, works: isOk },
  "no middleware, POST of text": { sent: post, works: isOk },
  "no middleware, POST of JSON": { sent: postJson, works: isOk },
  "security headers": { ...withGet, works: has("x-content-type-options", "x-frame-options") },
  CORS: {
    ...withGet,
    works: (answer) => answer.header("access-control-allow-origin") === origin,
    otherwise: {
      sent: withHeaders(get, { origin: stranger }),
      works: (answer) => answer.header("access-control-allow-origin") !== stranger
    }
  },
  "CORS, preflight": {
    sent: { ...withHeaders(get, { "access-control-request-method": "POST" }), method: "OPTIONS" },
    works: (answer) => answer.status === 204 && answer.header("access-control-allow-methods")?.includes("POST") === true
  },
  "access log": { ...withGet, works: isOk, logs: true },
  "request id": { ...withGet, works: has("x-request-id") },
  metrics: { ...withGet, works: isOk },
  timeout: {
    ...withGet,
    works: isOk,
    otherwise: { sent: { ...get, path: slowPath }, works: isStatus(503, 504) }
  },
  "body limit": {
    without: "no middleware, POST of text",
    sent: post,
    works: isOk,
    otherwise: { sent: posted("text/plain", "x".repeat(maxBytes + 1)), works: isStatus(413) }
  },
  "entity tag": { ...withGet, works: has("etag") },
  "entity tag, 304": {
    ...withGet,
    first: { sent: get, learn: (answer) => ({ "if-none-match": answer.header("etag") ?? "" }) },
    works: isStatus(304)
  },
  CSRF: {
    without: "no middleware, POST of text",
    sent: post,
    first: { sent: { ...get, path: tokenPath }, learn: tokenOf },
    works: isOk,
    otherwise: { sent: withHeaders(post, { origin: stranger }), works: isStatus(403) }
  },
  "rate limit": {
    ...withGet,
    works: (answer) => has("ratelimit")(answer) || has("x-ratelimit-limit")(answer)
  },
  session: {
    ...withGet,
    first: { sent: get, learn: cookieOf },
    works: ({ body }) => body.includes(`"${user}"`),
    otherwise: { sent: get, works: ({ body }) => !body.includes(`"${user}"`) }
  },
  "basic authentication": {
    ...withGet,
    sent: withHeaders(get, { authorization: `Basic ${btoa(`${user}:${password}`)}` }),
    works: isOk,
    otherwise: { sent: withHeaders(get, { authorization: `Basic ${btoa(`${user}:guess`)}` }), works: isStatus(401) }
  },
  "bearer token": {
    ...withGet,
    works: isOk,
    otherwise: { sent: withHeaders(get, { authorization: "Bearer guess" }), works: isStatus(401) }
  },
  JWT: {
    ...withGet,
    sent: withHeaders(get, { authorization: `Bearer ${jwt}` }),
    works: isOk,
    otherwise: { sent: withHeaders(get, { authorization: `Bearer ${jwt.slice(0, -4)}AAAA` }), works: isStatus(401) }
  },
  validation: {
    without: "no middleware, POST of JSON",
    sent: postJson,
    works: isOk,
    otherwise: { sent: posted("application/json", json.replace("12", '"twelve"')), works: isStatus(400, 422) }
  },
  "load shed": { ...withGet, works: isOk },
  "address list": { ...withGet, works: isOk, overSocket: true },
  "trusted proxy": {
    ...withGet,
    sent: withHeaders(get, { "x-forwarded-for": "203.0.113.9" }),
    works: ({ body }) => body.includes("203.0.113.9"),
    overSocket: true
  },
  "concurrency limit": { ...withGet, works: isOk },
  "deadline header": { ...withGet, sent: withHeaders(get, { "x-request-timeout-ms": "30000" }), works: isOk },
  "host policy": {
    ...withGet,
    works: isOk,
    otherwise: { sent: withHeaders(get, { host: "evil.example" }), works: isStatus(421) }
  },
  "problem details": {
    ...withGet,
    works: isOk,
    otherwise: { sent: { ...get, path: slowPath }, works: ({ body, status }) => status === 404 && body !== "" }
  },
  "request firewall": {
    ...withGet,
    works: isOk,
    otherwise: { sent: { ...get, path: "/a%2fb" }, works: isStatus(400) }
  },
  together: { ...withGet, works: has(...together), logs: true },
  "together, with a user": {
    ...withGet,
    works: has(...together, "access-control-allow-origin"),
    otherwise: { sent: withHeaders(get, { authorization: "Bearer guess" }), works: isStatus(401) },
    logs: true
  }
})

export type RowName = keyof typeof all

export const rows = all as Readonly<Record<RowName, Row>>

export const rowNames = Object.keys(all) as ReadonlyArray<RowName>

/** Rows without middleware. */
export const plainRows: ReadonlyArray<RowName> = rowNames.filter((name) => name.startsWith("no middleware"))
