/**
 * Entity tags (RFC 9110 §8.8.3) and the lists of them in `If-None-Match` and `If-Match`. Linear time.
 *
 * @since 0.1.0
 */
import { trimBlanks } from "./FieldValues.ts"

/** An entity tag. */
export interface EntityTag {
  readonly isWeak: boolean
  /** With its quotes. */
  readonly opaque: string
}

// 0x21, 0x23 to 0x7E, and obs-text.
const isTagCharacter = (code: number): boolean => code === 0x21 || (code >= 0x23 && code !== 0x7f)

const readTag = (text: string, from: number): { readonly tag: EntityTag; readonly end: number } | undefined => {
  const isWeak = text.startsWith("W/", from)
  const open = isWeak ? from + 2 : from
  if (text.charCodeAt(open) !== 0x22) return undefined
  let at = open + 1
  while (at < text.length && isTagCharacter(text.charCodeAt(at))) at++
  if (text.charCodeAt(at) !== 0x22) return undefined
  return { tag: { isWeak, opaque: text.slice(open, at + 1) }, end: at + 1 }
}

/** Reads one entity tag; `undefined` for other text. */
export const parseEntityTag = (value: string | undefined): EntityTag | undefined => {
  if (value === undefined) return undefined
  const text = trimBlanks(value)
  const read = readTag(text, 0)
  return read?.end === text.length ? read.tag : undefined
}

/** Reads a list of entity tags, or `*`; `undefined` for other text. */
export const parseEntityTags = (value: string): "*" | ReadonlyArray<EntityTag> | undefined => {
  const text = trimBlanks(value)
  if (text === "*") return "*"
  const tags: Array<EntityTag> = []
  let at = 0
  let needsComma = false
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === 0x20 || code === 0x09) at++
    else if (code === 0x2c) {
      needsComma = false
      at++
    } else {
      const read = needsComma ? undefined : readTag(text, at)
      if (read === undefined) return undefined
      tags.push(read.tag)
      at = read.end
      needsComma = true
    }
  }
  return tags
}

/** Weak comparison (RFC 9110 §8.8.3.2). */
export const isWeakMatch = (a: EntityTag, b: EntityTag): boolean => a.opaque === b.opaque

/** Strong comparison (RFC 9110 §8.8.3.2). */
export const isStrongMatch = (a: EntityTag, b: EntityTag): boolean => !a.isWeak && !b.isWeak && a.opaque === b.opaque
