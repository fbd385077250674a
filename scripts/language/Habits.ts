/**
 * The habits of language that make a sentence hard to read, each with the most that may remain for 10,000 words.
 */

/** A habit to count. */
export interface Habit {
  readonly name: string
  /** The most for 10,000 words once the text is rewritten. */
  readonly ceiling: number
  readonly pattern: RegExp
}

/** Every habit, in the order of the table's columns. */
export const habits: ReadonlyArray<Habit> = [
  {
    name: "clause with what",
    ceiling: 8,
    pattern:
      /(?:^|[.:;,(]\s+|\b(?:of|to|for|by|in|with|and|from|on|is)\s+)what\s+(?!happens|follows|is the|are the|if\b)/gi
  },
  { name: "that is + word", ceiling: 12, pattern: /\bthat (?:is|are) \w+(?=[\s.,;:)])/gi },
  { name: "behind, ahead of, beside", ceiling: 3, pattern: /\b(?:behind|ahead of|beside)\b/gi },
  { name: "give", ceiling: 5, pattern: /\b(?:gives?|gave|given)\b/gi },
  { name: "tell", ceiling: 3, pattern: /\b(?:tells?|told)\b/gi },
  { name: "is none", ceiling: 2, pattern: /\b(?:is|are|was|were|has|have) none\b/gi },
  { name: "stand", ceiling: 1, pattern: /\bstands?\b/gi },
  { name: "of its own", ceiling: 3, pattern: /\bof (?:its|their) own\b/gi },
  { name: "anew, let go, come to", ceiling: 1, pattern: /\b(?:anew|lets? (?:go|in)|comes? to)\b/gi }
]

/** How often a habit occurs in a line. */
export const occurrences = (line: string, { pattern }: Habit): number => [...line.matchAll(pattern)].length
