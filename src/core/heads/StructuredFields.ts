/**
 * Structured fields (RFC 9651): dictionaries and lists, as the fields of caches need them. An invalid field has no value (§4.2). Linear time.
 *
 * @since 0.1.0
 */

/** A bare item. A token, a byte sequence, a date and a display string differ by `type`. */
export type BareItem =
  | number
  | string
  | boolean
  | { readonly type: "token" | "bytes" | "date" | "display"; readonly text: string }

/** A member: an item or an inner list. Parameters are checked and left out. */
export type Member = { readonly item: BareItem } | { readonly list: ReadonlyArray<BareItem> }

/** An item with its parameters; a later parameter of one name replaces the earlier one (§4.2.3.2). */
export interface ParameterizedItem {
  readonly item: BareItem
  readonly parameters: ReadonlyMap<string, BareItem>
}

class Invalid extends Error {}

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39
const isLower = (code: number): boolean => code >= 0x61 && code <= 0x7a
const isAlpha = (code: number): boolean => isLower(code) || (code >= 0x41 && code <= 0x5a)
const others = new Set(Array.from("!#$%&'*+-.^_`|~:/", (character) => character.charCodeAt(0)))
const isKeyCode = (code: number): boolean =>
  isLower(code) || isDigit(code) || code === 0x5f || code === 0x2d || code === 0x2e || code === 0x2a

class Reader {
  private at = 0
  private readonly text: string

  constructor(text: string) {
    this.text = text
  }

  whole<A>(read: () => A): A {
    this.skip(isSpace)
    const value = read()
    this.skip(isSpace)
    if (this.at < this.text.length) throw new Invalid()
    return value
  }

  dictionary(): ReadonlyMap<string, Member> {
    const members = new Map<string, Member>()
    this.members(() => {
      const key = this.key()
      members.delete(key)
      if (this.take("=")) members.set(key, this.member())
      else {
        this.parameters()
        members.set(key, { item: true })
      }
    })
    return members
  }

  list(): ReadonlyArray<Member> {
    const members: Array<Member> = []
    this.members(() => members.push(this.member()))
    return members
  }

  items(): ReadonlyArray<ParameterizedItem> {
    const items: Array<ParameterizedItem> = []
    this.members(() => items.push({ item: this.bare(), parameters: this.parameters() }))
    return items
  }

  private members(read: () => void): void {
    if (this.isEnd()) return
    for (;;) {
      read()
      this.skip(isBlank)
      if (this.isEnd()) return
      if (!this.take(",")) throw new Invalid()
      this.skip(isBlank)
      if (this.isEnd()) throw new Invalid()
    }
  }

  private member(): Member {
    if (!this.take("(")) return { item: this.item() }
    const list: Array<BareItem> = []
    for (;;) {
      this.skip(isSpace)
      if (this.take(")")) break
      list.push(this.item())
      const next = this.code()
      if (next !== 0x20 && next !== 0x29) throw new Invalid()
    }
    this.parameters()
    return { list }
  }

  private item(): BareItem {
    const value = this.bare()
    this.parameters()
    return value
  }

  private parameters(): ReadonlyMap<string, BareItem> {
    const parameters = new Map<string, BareItem>()
    while (this.take(";")) {
      this.skip(isSpace)
      const key = this.key()
      parameters.set(key, this.take("=") ? this.bare() : true)
    }
    return parameters
  }

  private key(): string {
    const first = this.code()
    if (!isLower(first) && first !== 0x2a) throw new Invalid()
    return this.taken(isKeyCode)
  }

  private bare(): BareItem {
    const code = this.code()
    if (code === 0x2d || isDigit(code)) return this.number()
    if (this.take('"')) return this.string()
    if (isAlpha(code) || code === 0x2a) {
      return { type: "token", text: this.taken((each) => isAlpha(each) || isDigit(each) || others.has(each)) }
    }
    if (this.take("?")) {
      if (this.take("1")) return true
      if (this.take("0")) return false
      throw new Invalid()
    }
    if (this.take(":")) return this.bytes()
    if (this.take("@")) return this.date()
    if (this.take("%")) return this.display()
    throw new Invalid()
  }

  private number(): number {
    const start = this.at
    this.take("-")
    const whole = this.taken(isDigit).length
    let places = 0
    if (this.take(".")) {
      places = this.taken(isDigit).length
      if (places === 0 || places > 3 || whole > 12) throw new Invalid()
    }
    if (whole === 0 || whole > 15) throw new Invalid()
    return Number(this.text.slice(start, this.at))
  }

  private date(): BareItem {
    const start = this.at
    if (!Number.isInteger(this.number()) || this.text.slice(start, this.at).includes(".")) throw new Invalid()
    return { type: "date", text: this.text.slice(start, this.at) }
  }

  private string(): string {
    const parts: Array<string> = []
    for (;;) {
      const code = this.code()
      if (Number.isNaN(code) || code < 0x20 || code > 0x7e) throw new Invalid()
      this.at++
      if (code === 0x22) return parts.join("")
      if (code === 0x5c) {
        const escaped = this.code()
        if (escaped !== 0x22 && escaped !== 0x5c) throw new Invalid()
        this.at++
        parts.push(String.fromCharCode(escaped))
      } else parts.push(String.fromCharCode(code))
    }
  }

  private bytes(): BareItem {
    const text = this.taken((code) => isAlpha(code) || isDigit(code) || code === 0x2b || code === 0x2f || code === 0x3d)
    if (!this.take(":")) throw new Invalid()
    return { type: "bytes", text }
  }

  private display(): BareItem {
    if (!this.take('"')) throw new Invalid()
    const text = this.taken((code) => code >= 0x20 && code <= 0x7e && code !== 0x22)
    if (!this.take('"') || /%(?![0-9a-f]{2})/.test(text)) throw new Invalid()
    return { type: "display", text }
  }

  private isEnd(): boolean {
    return this.at >= this.text.length
  }
  private code(): number {
    return this.text.charCodeAt(this.at)
  }
  private take(character: string): boolean {
    if (this.text[this.at] !== character) return false
    this.at++
    return true
  }
  private skip(is: (code: number) => boolean): void {
    while (this.at < this.text.length && is(this.code())) this.at++
  }
  private taken(is: (code: number) => boolean): string {
    const start = this.at
    this.skip(is)
    return this.text.slice(start, this.at)
  }
}

const isSpace = (code: number): boolean => code === 0x20
const isBlank = (code: number): boolean => code === 0x20 || code === 0x09

const valid = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch (error) {
    if (error instanceof Invalid) return undefined
    throw error
  }
}

/** Reads a dictionary; `undefined` when the field is invalid. */
export const parseDictionary = (text: string): ReadonlyMap<string, Member> | undefined => {
  const reader = new Reader(text)
  return valid(() => reader.whole(() => reader.dictionary()))
}

/** Reads a list; `undefined` when the field is invalid. */
export const parseList = (text: string): ReadonlyArray<Member> | undefined => {
  const reader = new Reader(text)
  return valid(() => reader.whole(() => reader.list()))
}

/** Reads a list of items with their parameters; `undefined` when the field is invalid, or has an inner list. */
export const parseItems = (text: string): ReadonlyArray<ParameterizedItem> | undefined => {
  const reader = new Reader(text)
  return valid(() => reader.whole(() => reader.items()))
}
