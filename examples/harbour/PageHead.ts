/**
 * Reads the title and the description of a page from the bytes of its HTML, piece by piece, and says when it has seen
 * enough: at the end of the head.
 *
 * 1. The title is `og:title`, else `<title>`; the description `og:description`, else `<meta name="description">`. Of
 *    several the first that says something counts. A page without a title has no head to speak of.
 * 2. The encoding is that of the byte order mark, else of `Content-Type`, else of a `<meta>` within the first 1024 bytes,
 *    else UTF-8. One that nobody knows is passed over.
 * 3. The result is one line of plain text within the limits, without control characters and without those that
 *    turn the direction of the text around it. It is text, and hostile: whoever shows it escapes it.
 */
import { Option } from "effect"
import { Parser } from "htmlparser2"

import { limits } from "./Domain.ts"

/** The title and description of a page. The description may be empty. */
export interface PageHead {
  readonly title: string
  readonly description: string
}

/** Takes a page's bytes in. */
export interface Reader {
  /** Takes the next bytes; true when no more are needed. */
  readonly write: (bytes: Uint8Array) => boolean
  /** The title and description, once there are no more bytes. */
  readonly end: () => Option.Option<PageHead>
}

/** How far a page is searched for its encoding, by the HTML standard. */
const prescan = 1024

/** A decoder for the encoding of that name, when there is one. */
const decoderFor = (label: string | undefined): TextDecoder | undefined => {
  try {
    return label === undefined ? undefined : new TextDecoder(label)
  } catch {
    return undefined
  }
}

const charsetIn = (text: string | undefined): string | undefined =>
  /charset\s*=\s*["']?([^\s"';]+)/i.exec(text ?? "")?.[1]

/** The encoding that a `<meta>` names. To be read as ASCII it cannot be UTF-16, whatever it says. */
const declaredIn = (start: Uint8Array): string | undefined => {
  let declared: string | undefined
  const parser = new Parser({
    onopentag: (name, { charset, content, "http-equiv": header }) => {
      if (name !== "meta") return
      declared ??= charset ?? (header?.toLowerCase() === "content-type" ? charsetIn(content) : undefined)
    }
  })
  parser.end(new TextDecoder("latin1").decode(start))
  return declared?.replace(/^utf-?16.*$/i, "utf-8")
}

const marks: ReadonlyArray<readonly [encoding: string, mark: ReadonlyArray<number>]> = [
  ["utf-8", [0xef, 0xbb, 0xbf]],
  ["utf-16be", [0xfe, 0xff]],
  ["utf-16le", [0xff, 0xfe]]
]

const decoderOf = (start: Uint8Array, contentType: string | undefined): TextDecoder => {
  const marked = marks.find(([, mark]) => mark.every((byte, at) => start[at] === byte))?.[0]
  const found = [marked, charsetIn(contentType), declaredIn(start.subarray(0, prescan))].map(decoderFor)
  return found.find((decoder) => decoder !== undefined) ?? new TextDecoder()
}

const turning = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** One line of at most that many characters. */
const line = (text: string, limit: number): string => {
  const characters = Array.from(
    text
      .replace(turning, "")
      .replace(/[\p{Cc}\s]+/gu, " ")
      .trim()
  )
  return characters.length <= limit
    ? characters.join("")
    : `${characters
        .slice(0, limit - 1)
        .join("")
        .trimEnd()}…`
}

const described = ["og:title", "og:description", "description"] as const
type Described = (typeof described)[number] | "title"

const isDescribed = (name: string): name is Described => described.some((known) => known === name)

/** A reader for the bytes of a page that came with this `Content-Type`. */
export const reader = (contentType: string | undefined): Reader => {
  const found = new Map<Described, string>()
  let title: string | undefined
  let over = false

  const find = (name: Described, text: string) => {
    const said = line(text, name.endsWith("title") ? limits.preview.title : limits.preview.description)
    if (said !== "" && !found.has(name)) found.set(name, said)
  }
  const parser = new Parser({
    onopentag: (name, { content, name: key, property }) => {
      if (name === "body") over = true
      if (over) return
      if (name === "title") title = ""
      if (name !== "meta" || content === undefined) return
      const known = [property, key].map((name) => name?.trim().toLowerCase() ?? "").find(isDescribed)
      if (known !== undefined) find(known, content)
    },
    ontext: (text) => {
      if (title !== undefined) title += text
    },
    onclosetag: (name) => {
      if (name === "head") over = true
      if (name !== "title" || title === undefined) return
      find("title", title)
      title = undefined
    }
  })

  let start = new Uint8Array()
  let decoder: TextDecoder | undefined
  const decode = (bytes: Uint8Array) => {
    if (!over) parser.write(decoder?.decode(bytes, { stream: true }) ?? "")
    return over
  }
  /** Begins to decode, with the bytes that name the encoding. */
  const begin = () => {
    decoder = decoderOf(start, contentType)
    return decode(start)
  }
  return {
    write: (bytes) => {
      if (decoder !== undefined) return decode(bytes)
      const joined = new Uint8Array(start.length + bytes.length)
      joined.set(start)
      joined.set(bytes, start.length)
      start = joined
      return start.length >= prescan && begin()
    },
    end: () => {
      if (decoder === undefined) begin()
      // An unfinished title ends here: a shortened title is better than no title.
      if (!over) parser.end(decoder?.decode())
      const title = found.get("og:title") ?? found.get("title")
      const description = found.get("og:description") ?? found.get("description") ?? ""
      return title === undefined ? Option.none() : Option.some({ title, description })
    }
  }
}
