/**
 * JSON from outside: parsed as `JSON.parse` does it, once it is known to be no deeper than it may be. It takes time linear in the text.
 *
 * Depth is counted before the text is parsed. V8 parses any depth without recursion, but the result overflows the stack of whoever walks it later:
 * `JSON.stringify`, a schema, a logger.
 *
 * @since 0.1.0
 */
import type * as Schema from "effect/Schema"

/** Why a text is no JSON within the depth: `deeperAt` is a position in the text, and `message` is that of the engine, which may quote the text. */
export type JsonFault = { readonly deeperAt: number } | { readonly message: string }

/** The value of a text, or its fault. `maxDepth` bounds the values inside of it: the outermost array or object does not count. */
export const readJson = (
  text: string,
  maxDepth: number
): { readonly value: Schema.Json } | { readonly fault: JsonFault } => {
  const deeperAt = mayBeDeeper(text, maxDepth + 1) ? firstBeyond(text, maxDepth + 1) : undefined
  if (deeperAt !== undefined) return { fault: { deeperAt } }
  try {
    const value: Schema.Json = JSON.parse(text)
    return { value }
  } catch (error) {
    return { fault: { message: (error as Error).message } }
  }
}

/**
 * Whether the text has enough brackets to be deeper than `maxDepth`, at any position. It costs next to nothing, and spares most texts the exact count, which
 * takes half as long as parsing them.
 */
const mayBeDeeper = (text: string, maxDepth: number): boolean => {
  // Every opened bracket must close.
  if (text.length <= 2 * maxDepth) return false
  let opened = 0
  for (const bracket of "[{") {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      if (++opened > maxDepth) return true
    }
  }
  return false
}

/** Where the text is deeper than `maxDepth` for the first time. Right for every JSON; for other text the result does not matter. */
const firstBeyond = (text: string, maxDepth: number): number | undefined => {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case quote:
        at = closingQuote(text, at)
        break
      case openBracket:
      case openBrace:
        if (++depth > maxDepth) return at
        break
      case closeBracket:
      case closeBrace:
        depth--
        break
    }
  }
  return undefined
}

const quote = 0x22
const backslash = 0x5c
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

/** The end of the string that opens here: the next quote that no backslash escapes. */
const closingQuote = (text: string, opening: number): number => {
  for (let end = text.indexOf('"', opening + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let before = end
    while (text.charCodeAt(before - 1) === backslash) before--
    if ((end - before) % 2 === 0) return end
  }
  return text.length
}
