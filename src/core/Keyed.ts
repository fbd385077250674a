/**
 * State keyed by something from outside: an origin, an address, an id. Internal to Fairlead.
 *
 * `Keyed` is a map with a bound: beyond `maxKeys` the least recently used key is forgotten, and a key is forgotten `timeToLive` after it was set. Every operation takes
 * constant time, so that whoever chooses the keys cannot make it slow. `LimiterKeys` makes the keys under which a `RateLimiter` counts.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"

interface Entry<K, A> {
  readonly key: K
  value: A
  expires: number
  /** The neighbours in the order of last use. The first of a `Map` takes long to find where many were deleted before it. */
  older: Entry<K, A> | undefined
  newer: Entry<K, A> | undefined
}

// How many of the oldest keys may be in use before one of them is forgotten.
const attempts = 16

/** A map with a bound on its keys. Times are milliseconds of the `Clock`; without a `timeToLive` they are ignored. */
export class Keyed<K, A> {
  private readonly maxKeys: number
  private readonly timeToLive: number
  private readonly inUse: (value: A) => boolean
  private readonly entries = new Map<K, Entry<K, A>>()
  private first: Entry<K, A> | undefined
  private last: Entry<K, A> | undefined

  constructor(options: {
    readonly maxKeys: number
    readonly timeToLive?: Duration.Duration
    /** A key in use is forgotten only when none of the 16 oldest is free. Default: none is in use. */
    readonly inUse?: (value: A) => boolean
  }) {
    this.maxKeys = options.maxKeys
    this.timeToLive = options.timeToLive === undefined ? Infinity : Duration.toMillis(options.timeToLive)
    this.inUse = options.inUse ?? (() => false)
  }

  /** How many keys are remembered, those that have expired included until they are next looked at. */
  get size(): number {
    return this.entries.size
  }

  /** The value of a key, which becomes the most recently used one. */
  get(key: K, now = 0): A | undefined {
    const entry = this.entries.get(key)
    if (entry === undefined) return undefined
    if (entry.expires <= now) {
      this.remove(entry)
      return undefined
    }
    this.unlink(entry)
    this.append(entry)
    return entry.value
  }

  /** Sets the value of a key, which becomes the most recently used one and lives for `timeToLive`. Beyond `maxKeys` another is forgotten. */
  set(key: K, value: A, now = 0): void {
    const present = this.entries.get(key)
    if (present !== undefined) this.remove(present)
    const entry = { key, value, expires: now + this.timeToLive, older: undefined, newer: undefined }
    this.entries.set(key, entry)
    this.append(entry)
    if (this.entries.size > this.maxKeys) this.forget(entry, now)
  }

  /** The value of a key; a missing one is made and set. */
  getOrSet(key: K, make: () => A, now = 0): A {
    const present = this.get(key, now)
    if (present !== undefined) return present
    const value = make()
    this.set(key, value, now)
    return value
  }

  /** Forgets a key. With a `value` only if the key still has that value. */
  delete(key: K, value?: A): void {
    const entry = this.entries.get(key)
    if (entry !== undefined && (value === undefined || entry.value === value)) this.remove(entry)
  }

  /** The value of the least recently used key. */
  oldest(): A | undefined {
    return this.first?.value
  }

  /** The values, from the least to the most recently used one. */
  *values(): IterableIterator<A> {
    for (let entry = this.first; entry !== undefined; entry = entry.newer) yield entry.value
  }

  private forget(added: Entry<K, A>, now: number): void {
    let entry = this.first
    for (let seen = 0; seen < attempts && entry !== undefined && entry !== added; seen++, entry = entry.newer) {
      if (entry.expires <= now || !this.inUse(entry.value)) return this.remove(entry)
    }
    if (this.first !== undefined && this.first !== added) this.remove(this.first)
  }

  private remove(entry: Entry<K, A>): void {
    this.entries.delete(entry.key)
    this.unlink(entry)
  }

  private unlink(entry: Entry<K, A>): void {
    const { newer, older } = entry
    if (older === undefined) this.first = newer
    else older.newer = newer
    if (newer === undefined) this.last = older
    else newer.older = older
  }

  private append(entry: Entry<K, A>): void {
    entry.older = this.last
    entry.newer = undefined
    if (this.last === undefined) this.first = entry
    else this.last.newer = entry
    this.last = entry
  }
}

/** The scope of a limiter's store keys. Two limits of one composite never share a bucket, nor do two builds with other numbers. */
export interface LimiterScope {
  readonly composite: string
  /** The name of the interceptor. */
  readonly name: string
  readonly limit: number
  readonly window: Duration.Duration
}

/** The part of a store key before the key itself: `fairlead/<composite>/<name>/<limit>/<window ms>`. Slashes inside of names are escaped. */
export const limiterPrefix = ({ composite, limit, name, window }: LimiterScope): string =>
  ["fairlead", escape(composite), escape(name), limit, Duration.toMillis(window)].join("/")

const escape = (name: string): string => name.replaceAll("%", "%25").replaceAll("/", "%2F")

/**
 * The keys of one limit, at most `maxKeys` in a window. A key that was not used for a window has all of its tokens again, and makes room for another. Where there is no
 * room, new keys share one bucket, so that a flood of keys does not fill the store.
 */
export class LimiterKeys {
  private readonly prefix: string
  private readonly maxKeys: number
  private readonly window: number
  private readonly used: Keyed<string, { at: number }>

  constructor(options: LimiterScope & { readonly maxKeys: number }) {
    this.prefix = limiterPrefix(options)
    this.maxKeys = options.maxKeys
    this.window = Duration.toMillis(options.window)
    this.used = new Keyed({ maxKeys: options.maxKeys })
  }

  /** The store key of a key at a time of the `Clock`. */
  of(key: string, now: number): string {
    const known = this.used.get(key)
    if (known !== undefined) known.at = now
    else if (this.used.size < this.maxKeys || this.oldestIsIdle(now)) this.used.set(key, { at: now })
    else return `${this.prefix}/`
    return `${this.prefix}/${key}`
  }

  private oldestIsIdle(now: number): boolean {
    const oldest = this.used.oldest()
    return oldest !== undefined && oldest.at + this.window <= now
  }
}
