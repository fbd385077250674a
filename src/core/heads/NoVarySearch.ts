/**
 * `No-Vary-Search`: which parts of a query do not change a response (draft-ietf-httpbis-no-vary-search). Linear time, save the order of keys.
 *
 * @since 0.1.0
 */
import { parseDictionary } from "./StructuredFields.ts"
import type { Member } from "./StructuredFields.ts"

/** The rule of a response. */
export interface SearchRule {
  /** Whether the order of different keys counts. */
  readonly isOrdered: boolean
  /** The keys that do not count: a list of them, or all but a list. */
  readonly ignored: { readonly allBut: boolean; readonly keys: ReadonlySet<string> }
}

const strings = (member: Member): ReadonlySet<string> | undefined => {
  if (!("list" in member)) return undefined
  return member.list.every((item) => typeof item === "string") ? new Set(member.list) : undefined
}

/** Reads the field. `undefined` where the whole query counts: without the field, and when it is invalid. */
export const parseNoVarySearch = (value: string | undefined): SearchRule | undefined => {
  const members = value === undefined ? undefined : parseDictionary(value)
  if (members === undefined) return undefined
  const flag = (name: string): boolean | undefined => {
    const member = members.get(name)
    if (member === undefined) return false
    return "item" in member && typeof member.item === "boolean" ? member.item : undefined
  }
  const keyOrder = flag("key-order")
  const params = members.get("params")
  const except = members.get("except")
  if (keyOrder === undefined) return undefined
  const isOrdered = !keyOrder
  if (params === undefined) {
    return except !== undefined || isOrdered ? undefined : { isOrdered, ignored: { allBut: false, keys: new Set() } }
  }
  if ("list" in params) {
    const keys = strings(params)
    return keys === undefined || except !== undefined ? undefined : { isOrdered, ignored: { allBut: false, keys } }
  }
  if (params.item !== true) return undefined
  const keys = except === undefined ? new Set<string>() : strings(except)
  return keys === undefined ? undefined : { isOrdered, ignored: { allBut: true, keys } }
}

const counted = (url: string, { ignored, isOrdered }: SearchRule): string => {
  const { hash, search } = new URL(url)
  const pairs = [...new URLSearchParams(search)].filter(([key]) => ignored.keys.has(key) === ignored.allBut)
  const ordered = isOrdered ? pairs : pairs.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return JSON.stringify([ordered, hash])
}

/** Whether two URLs that differ in their queries at most are the same for a rule. */
export const isSameSearch = (rule: SearchRule, a: string, b: string): boolean => counted(a, rule) === counted(b, rule)
