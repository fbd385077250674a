/**
 * Services whose n-th call fails. Internal to the simulation kit.
 */
import * as Effect from "effect/Effect"

/**
 * Puts a fault into the calls of a service.
 *
 * @category models
 * @since 0.1.0
 */
export interface Failing<F> {
  /** The same Effect; it fails when it is the call that the sweep has chosen. */
  readonly effect: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E | F, R>
  /** The same service: each Effect that it holds, and each that its methods return, counts as a call. */
  readonly service: <S extends object>(service: S) => S
}

/** Counts the calls of services, and makes one of them end with `fault`. */
export class CountedCalls<F> implements Failing<F> {
  /** Calls since the count began. */
  calls = 0
  private chosen: number | undefined = undefined
  private isCounting = false
  private readonly reached: () => void
  private readonly fault: () => Effect.Effect<never, F>

  constructor(fault: () => Effect.Effect<never, F>, reached: () => void) {
    this.fault = fault
    this.reached = reached
  }

  arm(chosen: number): void {
    this.calls = 0
    this.chosen = chosen
    this.isCounting = true
  }

  disarm(): void {
    this.isCounting = false
  }

  readonly effect = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | F, R> =>
    Effect.suspend((): Effect.Effect<A, E | F, R> => (this.isChosen() ? this.fault() : effect))

  readonly service = <S extends object>(service: S): S =>
    new Proxy(service, {
      get: (target, key) => {
        const member: unknown = Reflect.get(target, key, target)
        if (Effect.isEffect(member)) return this.effect(member)
        if (typeof member !== "function") return member
        return (...given: ReadonlyArray<unknown>): unknown => {
          const result: unknown = Reflect.apply(member, target, given)
          return Effect.isEffect(result) ? this.effect(result) : result
        }
      }
    })

  private isChosen(): boolean {
    if (!this.isCounting || ++this.calls !== this.chosen) return false
    this.reached()
    return true
  }
}
