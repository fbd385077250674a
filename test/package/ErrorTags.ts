/**
 * The tags of errors that source files declare.
 */

/** A class of a tagged error. */
export interface TaggedError {
  readonly file: string
  readonly name: string
  readonly tag: string
}

const declared = /class (\w+)\s+extends Schema\.TaggedError<[^>]*>\([^()]*\)\(\s*"([^"]+)"/g
const anyTag =
  /_tag["']?\??(?::|\s=)\s*(?:Schema\.tag\w*\()?["'](\w+)["']|TaggedError\w*(?:<[^>]*>)?(?:\([^()]*\))?\(\s*"(\w+)"/g

const withoutComments = (source: string): string => source.replaceAll(/\/\*[\s\S]*?\*\//g, "")

/** The tagged errors of a source. */
export const taggedErrors = (file: string, source: string): ReadonlyArray<TaggedError> =>
  [...withoutComments(source).matchAll(declared)].map(([, name = "", tag = ""]) => ({ file, name, tag }))

/** Every `_tag` of a source, of an error or not. */
export const tagsOf = (source: string): ReadonlyArray<string> =>
  [...withoutComments(source).matchAll(anyTag)].map(([, literal, first]) => literal ?? first ?? "")
