/**
 * The readers of the fields that caches use, each as a function of one text.
 */
import { isSelected, selectingOf, varyNames } from "../../../src/client/handlers/cache/Vary.ts"
import { parseContentRange, parseRange, resolveRange } from "../../../src/core/heads/ByteRanges.ts"
import { ageSeconds, fieldsOf, parseDirectives, seconds } from "../../../src/core/heads/CacheDirectives.ts"
import { parseEntityTag, parseEntityTags } from "../../../src/core/heads/EntityTags.ts"
import * as HttpDate from "../../../src/core/heads/HttpDate.ts"
import { isSameSearch, parseNoVarySearch } from "../../../src/core/heads/NoVarySearch.ts"
import { parseDictionary, parseList } from "../../../src/core/heads/StructuredFields.ts"

const head = {
  id: "",
  url: "https://a.test/",
  status: 200,
  headers: [["content-language", "de"]],
  requestedAt: 0,
  respondedAt: 0,
  bytes: 0
} as const

export const cacheReaders = {
  parseDirectives: (text) => {
    const directives = parseDirectives(text)
    return [seconds(directives, "max-age"), fieldsOf(directives, "no-cache"), directives.isMalformed]
  },
  ageSeconds,
  parseEntityTag,
  parseEntityTags,
  parseRange: (text) => {
    const range = parseRange(text)
    return range === undefined ? undefined : resolveRange(range, 1000)
  },
  parseContentRange,
  httpDateAnyCase: (text) => HttpDate.parseAnyCase(text, 0),
  parseDictionary,
  parseList,
  parseNoVarySearch: (text) => {
    const rule = parseNoVarySearch(text)
    return rule === undefined ? undefined : isSameSearch(rule, "https://a.test/?a=1", "https://a.test/?b=2")
  },
  varyNames,
  selecting: (text) => {
    const selecting = selectingOf("accept-language, x-v", { "accept-language": text, "x-v": text })
    return isSelected({ ...head, selecting }, { "accept-language": `x,${text}`, "x-v": text })
  }
} satisfies Readonly<Record<string, (text: string) => unknown>>
