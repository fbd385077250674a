/**
 * Numbers by a seed (mulberry32), and choices made of them.
 */
export interface Random {
  readonly below: (count: number) => number
  readonly chance: (share: number) => boolean
  /** At most so many of a list, without repetition. */
  readonly some: <A>(list: ReadonlyArray<A>, most: number) => ReadonlyArray<A>
}

export const randomOf = (seed: number): Random => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (count: number): number => Math.floor(next() * count)
  return {
    below,
    chance: (share) => next() < share,
    some: (list, most) => {
      const left = [...list]
      return Array.from({ length: below(most + 1) }, () => left.splice(below(left.length), 1)[0]!)
    }
  }
}
