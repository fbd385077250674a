/**
 * The option check of every factory. Internal to Fairlead.
 *
 * `checkOptions(name)` returns the checks for one interceptor; each returns the value, or throws `InvalidOption` at once.
 *
 * 1. No check accepts NaN, or a value of another type: `Number(process.env.LIMIT)` of an unset variable must not switch a limit off.
 * 2. Only `maximum` accepts Infinity, which says "no bound"; `duration` accepts it where `infinite` is set.
 * 3. A default is applied before the check: `check.integer("limit", limit ?? 10)`.
 *
 * @since 0.1.0
 */
import * as ByteSize from "effect/ByteSize"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

import { InvalidOption } from "./InvalidOption.ts"

/** Checks the options of the interceptor or composite called `interceptor`. */
export const checkOptions = (interceptor: string): OptionChecks => new OptionChecks(interceptor)

/** The name of a ready-made interceptor: `name`, or the default. An empty name is invalid. */
export const nameOr = (defaultName: string, name: string | undefined): string => {
  if (name === undefined) return defaultName
  if (typeof name === "string" && name.trim() !== "") return name
  throw checkOptions(defaultName).invalid("name", `${show(name)} is empty: use a name, or leave the option out`)
}

/** The checks of one interceptor's options. */
export class OptionChecks {
  readonly interceptor: string

  constructor(interceptor: string) {
    this.interceptor = interceptor
  }

  /** The error to throw for a rule that no other check covers. The description says the value and the allowed ones. */
  invalid(option: string, description: string): InvalidOption {
    return new InvalidOption({ interceptor: this.interceptor, option, description })
  }

  /** A finite number of at least `minimum`. */
  atLeast(option: string, value: number, minimum: number): number {
    return this.accept(option, value, Number.isFinite(value) && value >= minimum, `a number of ${minimum} or more`)
  }

  /** A finite number above 0. */
  positive(option: string, value: number): number {
    return this.accept(option, value, Number.isFinite(value) && value > 0, "a number above 0")
  }

  /** A number from `minimum` to `maximum`. */
  between(option: string, value: number, minimum: number, maximum: number): number {
    return this.accept(option, value, value >= minimum && value <= maximum, `a number from ${minimum} to ${maximum}`)
  }

  /** A safe integer of at least `minimum`, by default 1. */
  integer(option: string, value: number, minimum = 1): number {
    const valid = Number.isSafeInteger(value) && value >= minimum
    return this.accept(option, value, valid, `a whole number of ${minimum} or more`)
  }

  /** The bound of a count: a safe integer of at least `minimum`, by default 1, or Infinity for no bound. */
  maximum(option: string, value: number, minimum = 1): number {
    const valid = value === Infinity || (Number.isSafeInteger(value) && value >= minimum)
    return this.accept(option, value, valid, `a whole number of ${minimum} or more, or Infinity`)
  }

  /** A number of bytes, as a number, of at least `minimum`, by default 1. */
  bytes(option: string, value: ByteSize.Input, minimum = 1): number {
    const bytes = Option.getOrUndefined(Option.flatMap(ByteSize.fromInput(value), ByteSize.toNumber))
    if (bytes !== undefined && bytes >= minimum) return bytes
    const allowed = `${minimum} byte${minimum === 1 ? "" : "s"} or more, such as 4096 or "64 KiB"`
    throw this.invalid(option, `${show(value)} is not allowed: use ${allowed}`)
  }

  /**
   * A duration above 0. With `zero` it may be 0; with `infinite` it may be endless.
   */
  duration(
    option: string,
    value: Duration.Input,
    { infinite = false, zero = false }: { readonly infinite?: boolean; readonly zero?: boolean } = {}
  ): Duration.Duration {
    const duration = durationOf(value)
    if (
      duration !== undefined &&
      !Duration.isNegative(duration) &&
      (zero || !Duration.isZero(duration)) &&
      (infinite || Duration.isFinite(duration))
    ) {
      return duration
    }
    const allowed = `a ${infinite ? "" : "finite "}duration ${zero ? "of 0 or more" : "above 0"}, such as "5 seconds"`
    throw this.invalid(option, `${show(value)} is not allowed: use ${allowed}`)
  }

  /** One of the allowed values. */
  oneOf<const A extends string | number | boolean>(option: string, value: A, allowed: ReadonlyArray<A>): A {
    if (allowed.includes(value)) return value
    throw this.invalid(option, `${show(value)} is not allowed: use ${allowed.map(show).join(", ")}`)
  }

  private accept(option: string, value: number, valid: boolean, allowed: string): number {
    if (typeof value === "number" && valid) return value
    throw this.invalid(option, `${show(value)} is not allowed: use ${allowed}`)
  }
}

// Effect reads NaN as no time at all, alone, in a text and in a tuple.
const durationOf = (value: Duration.Input): Duration.Duration | undefined => {
  const numbers: ReadonlyArray<unknown> =
    typeof value === "string" && !value.endsWith("Infinity")
      ? [Number.parseFloat(value)]
      : Array.isArray(value)
        ? value
        : [value]
  if (numbers.some(Number.isNaN)) return undefined
  return Option.getOrUndefined(Duration.fromInput(value))
}

const show = (value: unknown): string => {
  if (typeof value === "bigint") return `${value}n`
  if (Duration.isDuration(value)) return Duration.format(value)
  return typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value))
}
