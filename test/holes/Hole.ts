/**
 * A place in the table of holes: the effect of a row, of which `TooSlow` is caught.
 *
 * TypeScript drops the errors that remain where a fixed type is expected of a data-first catch. So each row of the table is
 * compiled once for each form of a catch: `test/package/holes.test.ts` puts the forms in the place of `hole`. The row itself
 * is compiled with the type that every form must have.
 */
import type { Effect, Layer } from "effect"

interface Slow {
  readonly _tag: "TooSlow"
}

/** The effect without `TooSlow`. */
export declare const hole: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, Exclude<E, Slow>, R>

/** The Layer without `TooSlow`. */
export declare const layerHole: <A, E, R>(layer: Layer.Layer<A, E, R>) => Layer.Layer<A, Exclude<E, Slow>, R>
