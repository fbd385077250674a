/** Medians, quartiles and orders, which turn samples of a noisy machine into figures. */

export interface Summary {
  readonly median: number
  /** The lower and the upper quartile. */
  readonly low: number
  readonly high: number
  /** How far off the median may be: 1.57 times the distance of the quartiles by the root of the count, the notch of a box plot. */
  readonly margin: number
}

/** The value below which that part of the samples lies, interpolated. */
export const quantile = (samples: ReadonlyArray<number>, part: number): number => {
  const sorted = samples.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * part
  const below = sorted[Math.floor(at)]
  const above = sorted[Math.ceil(at)]
  if (below === undefined || above === undefined)
    throw new Error("No samples: every contender is measured in each round.")
  return below + (above - below) * (at - Math.floor(at))
}

export const summary = (samples: ReadonlyArray<number>): Summary => {
  const low = quantile(samples, 0.25)
  const high = quantile(samples, 0.75)
  return { median: quantile(samples, 0.5), low, high, margin: (1.57 * (high - low)) / Math.sqrt(samples.length) }
}

/** Two series of the same rounds, combined round by round, so that what slowed a whole round falls out. */
export const paired = (
  a: ReadonlyArray<number>,
  b: ReadonlyArray<number>,
  combine: (a: number, b: number) => number
): ReadonlyArray<number> => {
  if (a.length !== b.length) throw new Error(`${a.length} rounds cannot be paired with ${b.length}.`)
  return a.map((value, round) => combine(value, b[round]!))
}

/** A new array in random order. */
export const shuffled = <A>(values: ReadonlyArray<A>): Array<A> => {
  const out = [...values]
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    const held = out[i]!
    out[i] = out[j]!
    out[j] = held
  }
  return out
}
