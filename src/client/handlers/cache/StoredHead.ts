/**
 * The head of a stored response, and the meaning of its fields, read once. Internal to the client part, save the type.
 *
 * @since 0.1.0
 */
import { ageSeconds, fieldsOf, parseDirectives, seconds } from "../../../core/heads/CacheDirectives.ts"
import type { Directives } from "../../../core/heads/CacheDirectives.ts"
import { parseEntityTag } from "../../../core/heads/EntityTags.ts"
import type { EntityTag } from "../../../core/heads/EntityTags.ts"
import * as HttpDate from "../../../core/heads/HttpDate.ts"
import { parseDictionary } from "../../../core/heads/StructuredFields.ts"
import type { Pair } from "../../HeaderLines.ts"

/**
 * The head of a stored response, without its body.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoredHead {
  /** Unique in its store. */
  readonly id: string
  /** The absolute URL of the request, without a fragment. */
  readonly url: string
  /** The request headers that `Vary` names, normalised; `null` for a missing one. */
  readonly selecting: ReadonlyArray<readonly [name: string, value: string | null]>
  readonly status: number
  /** The header lines, with lower-case names. */
  readonly headers: ReadonlyArray<Pair>
  /** When the request was sent and when the head of its response arrived, in milliseconds of the `Clock`. */
  readonly requestedAt: number
  readonly respondedAt: number
  /** The length of the stored body. */
  readonly bytes: number
  /** Of partial content: the bytes that the body holds, and the length of the whole representation. */
  readonly part?: { readonly first: number; readonly last: number; readonly total: number } | undefined
  /** The forced freshness lifetime in milliseconds, by the option `timeToLive`. */
  readonly forcedLifetime?: number | undefined
  /** Whether it must be validated before it is used again, as after an unsuccessful HEAD comparison. */
  readonly isInvalid?: boolean | undefined
}

/** The settings that decide about freshness, together with the response. */
export interface FreshnessSettings {
  readonly mode: "private" | "shared"
  /** Targeted cache control fields by preference, lower-case. */
  readonly targets: ReadonlyArray<string>
  readonly storesSetCookie: boolean
  readonly heuristicFraction: number
  /** Milliseconds. */
  readonly maxHeuristicLifetime: number
}

/** The meaning of the fields of a response for its use. Times are milliseconds. */
export interface HeadFacts {
  readonly directives: Directives
  readonly freshFor: number
  readonly isHeuristic: boolean
  readonly staleWhileRevalidate: number
  readonly staleIfError: number | undefined
  /** Whether it is never used without validation, and whether it is never used stale. */
  readonly isAlwaysValidated: boolean
  readonly isNeverStale: boolean
  readonly isImmutable: boolean
  readonly initialAge: number
  readonly etag: EntityTag | undefined
  readonly lastModified: number | undefined
  readonly date: number
}

const known = new WeakMap<ReadonlyArray<Pair>, Map<string, string>>()

const valuesOf = (headers: ReadonlyArray<Pair>): Map<string, string> => {
  const present = known.get(headers)
  if (present !== undefined) return present
  const values = new Map<string, string>()
  for (const [name, value] of headers) {
    const before = values.get(name)
    values.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  known.set(headers, values)
  return values
}

/** The value of a field, its lines joined by commas. */
export const field = (headers: ReadonlyArray<Pair>, name: string): string | undefined => valuesOf(headers).get(name)

/** The status codes whose responses may be fresh without saying so (RFC 9110 §15.1), except 206: parts are not guessed about. */
const heuristicStatuses = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])

/** The directives that hold for this cache (RFC 9213 §2.2): those of the first valid targeted field, else `Cache-Control`. */
const directivesFor = (
  headers: ReadonlyArray<Pair>,
  targets: ReadonlyArray<string>
): { readonly directives: Directives; readonly isTargeted: boolean } => {
  for (const target of targets) {
    const text = field(headers, target)
    if (text === undefined) continue
    const targeted = targetedDirectives(text)
    if (targeted !== undefined) return { directives: targeted, isTargeted: true }
  }
  return { directives: parseDirectives(field(headers, "cache-control")), isTargeted: false }
}

const timed = new Set(["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"])

// An invalid or empty field, and one whose times are no integers, is ignored as a whole (RFC 9213 §2.1).
const targetedDirectives = (text: string): Directives | undefined => {
  const members = parseDictionary(text)
  if (members === undefined || members.size === 0) return undefined
  const byName = new Map<string, Array<string | undefined>>()
  for (const [name, member] of members) {
    if (!("item" in member)) continue
    const { item } = member
    if (timed.has(name) && (typeof item !== "number" || !Number.isInteger(item) || item < 0)) return undefined
    if (item === false) continue
    byName.set(name, [item === true ? undefined : typeof item === "object" ? item.text : String(item)])
  }
  return { byName, isMalformed: false }
}

const factsOf = new WeakMap<StoredHead, { readonly settings: FreshnessSettings; readonly facts: HeadFacts }>()

/** The meaning of the fields of a response, read once for a head. */
export const facts = (head: StoredHead, settings: FreshnessSettings): HeadFacts => {
  const present = factsOf.get(head)
  if (present?.settings === settings) return present.facts
  const made = readFacts(head, settings)
  factsOf.set(head, { settings, facts: made })
  return made
}

const readFacts = (head: StoredHead, settings: FreshnessSettings): HeadFacts => {
  const { headers, requestedAt, respondedAt } = head
  const { directives, isTargeted } = directivesFor(headers, settings.targets)
  const dateOf = (name: string): number | undefined => {
    const text = field(headers, name)
    return text === undefined ? undefined : HttpDate.parseAnyCase(text, respondedAt)
  }
  const date = dateOf("date")
  const lastModified = dateOf("last-modified")
  // RFC 9111 §4.2.3. Clocks of servers go wrong: a Date in the future makes no response younger.
  const apparentAge = date === undefined ? 0 : Math.max(0, respondedAt - date)
  const correctedAge = ageSeconds(field(headers, "age")) * 1000 + (respondedAt - requestedAt)
  const has = (name: string): boolean => directives.byName.has(name)
  const isShared = settings.mode === "shared"
  const { isHeuristic, lifetime } = lifetimeOf(head, directives, isTargeted, date, lastModified, settings)
  const noCache = fieldsOf(directives, "no-cache")
  return {
    directives,
    freshFor: directives.isMalformed ? 0 : lifetime,
    isHeuristic,
    staleWhileRevalidate: (seconds(directives, "stale-while-revalidate") ?? 0) * 1000,
    staleIfError: has("stale-if-error") ? (seconds(directives, "stale-if-error") ?? 0) * 1000 : undefined,
    isAlwaysValidated: noCache === true || directives.isMalformed || head.isInvalid === true,
    isNeverStale:
      directives.isMalformed ||
      has("must-revalidate") ||
      noCache === true ||
      (isShared && (has("proxy-revalidate") || has("s-maxage"))),
    isImmutable: has("immutable"),
    initialAge: Math.max(apparentAge, correctedAge),
    etag: parseEntityTag(field(headers, "etag")),
    lastModified,
    date: date ?? respondedAt
  }
}

const lifetimeOf = (
  head: StoredHead,
  directives: Directives,
  isTargeted: boolean,
  date: number | undefined,
  lastModified: number | undefined,
  { heuristicFraction, maxHeuristicLifetime, mode }: FreshnessSettings
): { readonly lifetime: number; readonly isHeuristic: boolean } => {
  const explicit = (lifetime: number) => ({ lifetime, isHeuristic: false })
  if (head.forcedLifetime !== undefined) return explicit(head.forcedLifetime)
  const shared = mode === "shared" ? seconds(directives, "s-maxage") : undefined
  const maxAge = shared ?? seconds(directives, "max-age")
  if (maxAge !== undefined) return explicit(maxAge * 1000)
  const expires = isTargeted ? undefined : field(head.headers, "expires")
  if (expires !== undefined) {
    const at = HttpDate.parseAnyCase(expires, head.respondedAt)
    return explicit(at === undefined ? 0 : Math.max(0, at - (date ?? head.respondedAt)))
  }
  const mayGuess = heuristicStatuses.has(head.status) || directives.byName.has("public")
  if (!mayGuess || lastModified === undefined || head.part !== undefined) return explicit(0)
  const unchangedFor = Math.max(0, (date ?? head.respondedAt) - lastModified)
  return { lifetime: Math.min(unchangedFor * heuristicFraction, maxHeuristicLifetime), isHeuristic: true }
}

/** Whether freshness is stated, by any field that this cache reads. */
export const isExplicit = (head: StoredHead, settings: FreshnessSettings): boolean => {
  const { byName } = facts(head, settings).directives
  return (
    head.forcedLifetime !== undefined ||
    byName.has("max-age") ||
    (settings.mode === "shared" && byName.has("s-maxage")) ||
    field(head.headers, "expires") !== undefined
  )
}

/** Whether responses of a status may be fresh without saying so. */
export const isHeuristicStatus = (status: number): boolean => heuristicStatuses.has(status)

/** The age of a stored response (RFC 9111 §4.2.3) in milliseconds. */
export const ageOf = (head: StoredHead, settings: FreshnessSettings, now: number): number =>
  facts(head, settings).initialAge + Math.max(0, now - head.respondedAt)

/** The strong or weak tag, as it is sent in `If-None-Match`, and the date for `If-Modified-Since`. */
export const validators = (head: StoredHead): { readonly etag?: string; readonly lastModified?: string } => {
  const etag = field(head.headers, "etag")
  const lastModified = field(head.headers, "last-modified")
  return {
    ...(etag !== undefined && parseEntityTag(etag) !== undefined ? { etag } : {}),
    ...(lastModified === undefined ? {} : { lastModified })
  }
}
