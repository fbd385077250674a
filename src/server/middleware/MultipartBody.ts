/**
 * Reads a multipart form (RFC 7578) as pairs of names and values, by Effect's parser. Internal to the server part.
 *
 * @since 0.1.0
 */
import * as MultipartParser from "effect/http/MultipartParser"

import { trimBlanks } from "../../core/heads/FieldValues.ts"

/** The limits of a form. */
export interface MultipartLimits {
  readonly maxParts: number
  readonly maxFiles: number
  readonly maxPartBytes: number
}

/** Why a form is not read. */
export interface MultipartFault {
  readonly kind: "malformed" | "charset" | "coding" | "tooLarge"
  readonly detail: string
}

/** A form: its fields as texts and its files, in their order. */
export interface MultipartForm {
  readonly pairs: ReadonlyArray<readonly [name: string, value: string | File]>
  /** The bytes of its files, which no schema walks through. */
  readonly fileBytes: number
}

const isUtf8 = (charset: string): boolean => /^(?:utf-?8|us-ascii)$/i.test(charset)

// RFC 2046 §5.1.1.
const boundary = /^[\w'()+,./:=? -]{0,69}[\w'()+,./:=?-]$/

const quoted = /^"([^"\\]*)"$/

/** The boundary that a content type names. No character of a boundary ends a parameter, so that splitting is safe. */
const boundaryOf = (contentType: string): string | MultipartFault => {
  const found: Array<string> = []
  for (const parameter of contentType.split(";").slice(1)) {
    const equals = parameter.indexOf("=")
    const name = trimBlanks(parameter.slice(0, Math.max(equals, 0))).toLowerCase()
    const text = trimBlanks(parameter.slice(equals + 1))
    const value = quoted.exec(text)?.[1] ?? text
    if (name === "charset" && !isUtf8(value)) {
      return { kind: "charset", detail: "The charset of the form is not supported: send UTF-8" }
    }
    if (name === "boundary") found.push(value)
  }
  const [first, ...others] = found
  return first !== undefined && others.length === 0 && boundary.test(first)
    ? first
    : { kind: "malformed", detail: "The content type has no boundary of 1 to 70 characters" }
}

/** The fault of a part by its head, where there is one. */
const faultOf = ({ contentDisposition, contentTypeParameters, headers }: MultipartParser.PartInfo, isFile: boolean) => {
  const fault = (kind: MultipartFault["kind"], detail: string): MultipartFault => ({ kind, detail })
  if (contentDisposition !== "form-data") {
    return fault("malformed", "A part has no name: send Content-Disposition: form-data with a name")
  }
  const coding = headers["content-transfer-encoding"]
  if (coding !== undefined && !/^(?:7bit|8bit|binary)$/i.test(String(coding))) {
    return fault("coding", "The transfer encoding of a part is not supported: send its bytes as they are")
  }
  const { charset } = contentTypeParameters
  return isFile || charset === undefined || isUtf8(charset)
    ? undefined
    : fault("charset", "The charset of a field is not supported: send UTF-8")
}

const parserFaults: Readonly<Record<Exclude<MultipartParser.MultipartError["_tag"], "ReachedLimit">, string>> = {
  InvalidBoundary: "The content type has no boundary of 1 to 70 characters",
  BadHeaders: "The head of a part is malformed, or larger than 16 KiB",
  InvalidDisposition: "A part has no name: send Content-Disposition: form-data with a name",
  EndNotReached: "The form does not end with its boundary"
}

/** The last component: the client's folders are of no use, and harmful as a path (RFC 7578 §4.2). */
const fileName = (name: string): string => name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1)

/** The form, or why it is not read. The first fault counts. */
export const readMultipart = (
  bytes: Uint8Array,
  contentType: string,
  { maxFiles, maxPartBytes, maxParts }: MultipartLimits
): MultipartForm | MultipartFault => {
  const named = boundaryOf(contentType)
  if (typeof named !== "string") return named
  const pairs: Array<readonly [string, string | File]> = []
  let fault: MultipartFault | undefined
  let files = 0
  let fileBytes = 0
  let hasEnded = false
  const refuse = (kind: MultipartFault["kind"], detail: string): void => {
    fault ??= { kind, detail }
  }
  const limit = (size: number): boolean => {
    if (size > maxPartBytes) refuse("tooLarge", `A part of the form has more than ${maxPartBytes} bytes`)
    return size <= maxPartBytes
  }
  const parser = MultipartParser.make({
    headers: { "content-type": `multipart/form-data; boundary="${named}"` },
    maxParts,
    maxFieldSize: Infinity,
    onField(info, value) {
      // The epilogue after the last boundary is ignored (RFC 2046 §5.1.1).
      if (hasEnded || fault !== undefined || !limit(value.length)) return
      fault = faultOf(info, false)
      try {
        pairs.push([info.name, new TextDecoder("utf-8", { fatal: true }).decode(value)])
      } catch {
        refuse("malformed", "A field of the form is not UTF-8")
      }
    },
    onFile(info) {
      const chunks: Array<Uint8Array<ArrayBuffer>> = []
      let size = 0
      if (!hasEnded) fault ??= faultOf(info, true)
      return (chunk) => {
        if (hasEnded || fault !== undefined) return
        if (chunk !== null) {
          size += chunk.length
          if (limit(size)) chunks.push(chunk as Uint8Array<ArrayBuffer>)
          return
        }
        // A browser sends such a part for an input without a file.
        if (info.filename === "" && size === 0) return
        files++
        if (files > maxFiles) return refuse("tooLarge", `The form has more than ${maxFiles} files`)
        fileBytes += size
        pairs.push([info.name, new File(chunks, fileName(info.filename ?? ""), { type: info.contentType })])
      }
    },
    onError(error) {
      if (hasEnded) return
      if (error._tag === "ReachedLimit") refuse("tooLarge", `The form has more than ${maxParts} parts`)
      else refuse("malformed", parserFaults[error._tag])
    },
    onDone() {
      hasEnded = true
    }
  })
  parser.write(bytes)
  parser.end()
  return fault ?? { pairs, fileBytes }
}
