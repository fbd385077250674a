/**
 * The formats of an access log, and its attributes by OpenTelemetry's names. Internal to the server part.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

import { inOneLine, inQuotes } from "../../core/heads/OneLine.ts"
import { redactUrl } from "../../core/heads/RedactedUrl.ts"
import type { NamePlace } from "../../core/heads/SecretNames.ts"
import type { Request } from "../HttpTypes.ts"
import { requestIdOf } from "../RequestIds.ts"
import { pathOf } from "../RequestPath.ts"
import { schemeOf } from "../RequestScheme.ts"
import { trustedOf } from "../TrustedRequests.ts"
import type { AccessLogEntry } from "./AccessLogEntry.ts"

type IsSecret = (name: string, place: NamePlace) => boolean

/** The names of the logged headers. */
export interface LoggedHeaders {
  readonly request: ReadonlyArray<string>
  readonly response: ReadonlyArray<string>
}

/** The parts of an entry, already redacted and computed only where a format shows them. Text of the client is not escaped yet. */
export class LoggedRequest {
  readonly entry: AccessLogEntry
  private readonly now: number
  private readonly isSecret: IsSecret
  private readonly headers: LoggedHeaders

  /** `now` is the end of the response, in milliseconds. */
  constructor(entry: AccessLogEntry, now: number, isSecret: IsSecret, headers: LoggedHeaders) {
    this.entry = entry
    this.now = now
    this.isSecret = isSecret
    this.headers = headers
  }

  /** The path with its redacted query. */
  get url(): string {
    return this.redacted(this.entry.request.url)
  }
  get referrer(): string | undefined {
    const referrer = this.entry.request.headers["referer"]
    return referrer === undefined ? undefined : this.redacted(referrer)
  }
  get userAgent(): string | undefined {
    return this.entry.request.headers["user-agent"]
  }
  get address(): string | undefined {
    return addressOf(this.entry.request)
  }
  get version(): string {
    return versionOf(this.entry.request.source)
  }
  get receivedAt(): Date {
    return new Date(this.now - Duration.toMillis(this.entry.duration))
  }
  get attributes(): Readonly<Record<string, unknown>> {
    return attributesOf(this.entry, this.url, this.isSecret, this.headers)
  }

  private redacted(url: string): string {
    return redactUrl(url, (name) => this.isSecret(name, "query"))
  }
}

const addressOf = (request: Request): string | undefined => Option.getOrUndefined(trustedOf(request).remoteAddress)

const versionOf = (source: object): string => {
  const { httpVersion } = source as { readonly httpVersion?: unknown }
  return typeof httpVersion === "string" && /^\d(?:\.\d)?$/.test(httpVersion) ? httpVersion : "1.1"
}

const attributesOf = (
  { aborted, bytes, duration, errorType, request, response, route, status }: AccessLogEntry,
  url: string,
  isSecret: IsSecret,
  headers: LoggedHeaders
): Readonly<Record<string, unknown>> => {
  const [, path = "", query] = /^([^?#]*)(?:\?([^#]*))?/.exec(url) ?? []
  const all: Readonly<Record<string, unknown>> = {
    "http.request.method": inOneLine(request.method),
    "url.path": inOneLine(path),
    "url.query": query === undefined || query === "" ? undefined : inOneLine(query),
    "url.scheme": schemeOf(request),
    "http.route": route,
    "http.response.status_code": status,
    "http.response.body.size": aborted ? undefined : bytes,
    "http.server.request.duration": Duration.toMillis(duration) / 1000,
    "client.address": addressOf(request),
    "user_agent.original": escaped(request.headers["user-agent"]),
    "error.type": errorType,
    "fairlead.request_id": requestIdOf(request),
    ...headersOf("request", request.headers, headers.request, isSecret),
    ...headersOf("response", response?.headers ?? {}, headers.response, isSecret)
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

const escaped = (text: string | undefined): string | undefined => (text === undefined ? undefined : inOneLine(text))

// OpenTelemetry has the values of a header as a list.
const headersOf = (
  side: "request" | "response",
  headers: Readonly<Record<string, string | undefined>>,
  names: ReadonlyArray<string>,
  isSecret: IsSecret
): Readonly<Record<string, ReadonlyArray<string>>> =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = headers[name]
      if (value === undefined) return []
      return [[`http.${side}.header.${name}`, [isSecret(name, "header") ? "<redacted>" : inOneLine(value)]] as const]
    })
  )

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

const two = (value: number): string => String(value).padStart(2, "0")

/** `10/Oct/2000:13:55:36 +0000`. */
const clfDate = (date: Date): string =>
  `${two(date.getUTCDate())}/${months[date.getUTCMonth()]}/${date.getUTCFullYear()}:${date.toISOString().slice(11, 19)} +0000`

const orDash = (text: string | number | undefined): string => (text === undefined || text === "" ? "-" : String(text))

const common = ({ address, entry, receivedAt, url, version }: LoggedRequest): string => {
  const { bytes, request, status } = entry
  const line = inQuotes(`${request.method} ${url} HTTP/${version}`)
  // No bytes are a dash.
  return `${orDash(address)} - - [${clfDate(receivedAt)}] "${line}" ${status} ${orDash(bytes === 0 ? undefined : bytes)}`
}

/** The formats by name. */
export const formats = {
  plain: ({ entry: { duration, request, status } }: LoggedRequest): string => {
    const path = pathOf(request)
    return `${inOneLine(`${request.method} ${path}`)} ${status} in ${Math.round(Duration.toMillis(duration))} ms`
  },
  common,
  combined: (logged: LoggedRequest): string =>
    `${common(logged)} "${inQuotes(orDash(logged.referrer))}" "${inQuotes(orDash(logged.userAgent))}"`,
  json: ({ attributes, receivedAt }: LoggedRequest): string =>
    JSON.stringify({ time: receivedAt.toISOString(), ...attributes })
}
