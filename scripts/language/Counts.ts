/**
 * How often each habit occurs in each place, and the places with more of them than the final ceilings allow.
 */
import { habits, occurrences } from "./Habits.ts"
import type { Line } from "./Texts.ts"

/** The words of a place, and how often each habit occurs in it, in the order of `habits`. */
export interface Count {
  readonly words: number
  readonly found: ReadonlyArray<number>
}

/** Counts the habits of some lines. */
export const countOf = (lines: ReadonlyArray<Line>): Count => ({
  words: lines.reduce((sum, { text }) => sum + (text.match(/[A-Za-z']+/g)?.length ?? 0), 0),
  found: habits.map((habit) => lines.reduce((sum, { text }) => sum + occurrences(text, habit), 0))
})

/** The lines that have one of the habits, or the habit of that name. */
export const linesWith = (lines: ReadonlyArray<Line>, name?: string): ReadonlyArray<string> =>
  habits
    .filter((habit) => name === undefined || habit.name === name)
    .flatMap((habit) =>
      lines
        .filter(({ text }) => occurrences(text, habit) > 0)
        .map(({ file, line, text }) => `${file}:${line}: [${habit.name}] ${text.trim()}`)
    )

/** The counts above a habit's ceiling for the words of their place. */
export const faultsOf = (counts: ReadonlyMap<string, Count>): ReadonlyArray<string> =>
  [...counts].flatMap(([place, { found, words }]) =>
    habits.flatMap(({ ceiling, name }, column) => {
      const count = found[column] ?? 0
      const most = Math.floor((ceiling * words) / 10_000)
      return count > most ? [`${place}: "${name}" ${count} times, at most ${most} in ${words} words`] : []
    })
  )
