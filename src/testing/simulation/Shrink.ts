/**
 * Removes from a list what is not needed for a run to break: delta debugging. Internal to the simulation kit.
 */
import * as Effect from "effect/Effect"

/** The shortest list found in `budget` tries for which `breaks` still holds; the list itself when nothing can be removed. */
export const shrink = <A>(
  all: ReadonlyArray<A>,
  budget: number,
  breaks: (some: ReadonlyArray<A>) => Effect.Effect<boolean>
): Effect.Effect<ReadonlyArray<A>> =>
  Effect.gen(function* () {
    let kept = all
    let tries = 0
    let size = kept.length
    while (size > 0 && tries < budget) {
      let removed = false
      for (let from = 0; from < kept.length && tries < budget;) {
        const fewer = [...kept.slice(0, from), ...kept.slice(from + size)]
        tries++
        if (yield* breaks(fewer)) {
          kept = fewer
          removed = true
        } else from += size
      }
      if (!removed || size > kept.length) size = Math.min(Math.floor(size / 2), kept.length)
    }
    return kept
  })
