/**
 * Finds the links in the text of a message.
 *
 * 1. A link begins with `http://` or `https://`, in any case, but not within a longer scheme, and goes on to
 *    white space, a quotation mark, `<`, `>`, `` ` ``, or punctuation of Chinese and Japanese texts.
 * 2. Punctuation at its end belongs to the sentence. A closing bracket does too, unless the link has the opening one:
 *    `https://en.wikipedia.org/wiki/Port_(circuit_theory)` is a link to its end.
 * 3. Links come as the URL parser writes them, each once, without those longer than `limits.preview.url`.
 */
import { limits } from "./Domain.ts"

const candidates = /(?<![a-z0-9+.-])https?:\/\/[^\s\p{Cc}<>"'`“”‘’«»、。〈-】（），：；！？［］｛｝]+/giu

const punctuation = new Set(".,:;!?…")
const brackets = new Map([
  [")", "("],
  ["]", "["],
  ["}", "{"]
])

/** The candidate without what belongs to the sentence around it. */
const trimmed = (candidate: string): string => {
  // Counted once: a message of nothing but brackets is no reason to look at it once for each of them.
  const counts = new Map<string, number>()
  const count = (character: string) => counts.get(character) ?? 0
  for (const character of candidate) counts.set(character, count(character) + 1)
  let end = candidate.length
  for (; end > 0; end--) {
    const last = candidate[end - 1] ?? ""
    const opening = brackets.get(last)
    if (!punctuation.has(last) && (opening === undefined || count(last) <= count(opening))) break
    counts.set(last, count(last) - 1)
  }
  return candidate.slice(0, end)
}

/** The links in a text, in their order: at most `limits.preview.links`. */
export const linksIn = (text: string): ReadonlyArray<string> => {
  const links = new Set<string>()
  for (const [candidate] of text.matchAll(candidates)) {
    const url = URL.parse(trimmed(candidate))
    if (url === null || url.href.length > limits.preview.url) continue
    links.add(url.href)
    if (links.size === limits.preview.links) break
  }
  return [...links]
}
