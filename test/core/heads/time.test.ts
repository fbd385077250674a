/**
 * Every reader of untrusted heads takes time linear in the text: 16 kB of any filling cost at most a fixed multiple of what a loop over the same text costs.
 */
import { assert, describe, it } from "vitest"

import { domainMatches, siteOfHost } from "../../../src/client/handlers/CookieRules.ts"
import { cookieHeader } from "../../../src/client/handlers/Cookies.ts"
import { parseCookieDate, parseSetCookie } from "../../../src/client/handlers/SetCookie.ts"
import { addressRange } from "../../../src/core/heads/AddressRange.ts"
import { parseChallenges } from "../../../src/core/heads/Challenges.ts"
import { cookieValues } from "../../../src/core/heads/CookieValues.ts"
import * as FieldValues from "../../../src/core/heads/FieldValues.ts"
import * as Forwarded from "../../../src/core/heads/Forwarded.ts"
import * as Hosts from "../../../src/core/heads/Hosts.ts"
import * as HttpDate from "../../../src/core/heads/HttpDate.ts"
import { parseIdempotencyKey } from "../../../src/core/heads/IdempotencyKeys.ts"
import * as RateLimitFields from "../../../src/core/heads/RateLimitFields.ts"
import { redactForm, redactUrl } from "../../../src/core/heads/RedactedUrl.ts"
import { retryAfter } from "../../../src/core/heads/RetryAfter.ts"
import { isSecretName } from "../../../src/core/heads/SecretNames.ts"
import { cacheReaders } from "./CacheReaders.ts"

const bytes = 16 * 1024

/** Pieces that are repeated to fill a field, by themselves and before a letter. */
const pieces = [
  " ",
  "\t",
  " \t",
  ",",
  ", ",
  ";",
  "; ",
  "=",
  "a=",
  "a=b",
  "a=b; ",
  "a=b, ",
  '"',
  "\\",
  '\\"',
  '"a',
  '"a"',
  "a",
  "A",
  "aB",
  "a-",
  "a_",
  "-",
  "_",
  ".",
  ":",
  "::",
  "/",
  "%",
  "%20",
  "+",
  "&",
  "a=b&",
  "token=x&",
  "#",
  "?",
  "@",
  "//",
  "1",
  "12:",
  "1:2:3 ",
  "Mon, ",
  "é",
  "\u00ff",
  "ж",
  "[",
  "]",
  "{",
  "(",
  "Basic a=",
  'Digest x="',
  "token",
  "auth",
  "Jan ",
  "0",
  "~",
  "\0"
]

const fills = pieces.flatMap((piece) => {
  const text = piece.repeat(Math.ceil(bytes / piece.length)).slice(0, bytes)
  return [text, `x${text}`, `${text}x`, `x=${text}x`, `"${text}`, `https://a.test/?${text}`]
})

const readers: Readonly<Record<string, (text: string) => unknown>> = {
  trimBlanks: FieldValues.trimBlanks,
  octetCount: FieldValues.octetCount,
  utf8Text: FieldValues.utf8Text,
  singleValue: (text) => FieldValues.singleValue([text, text]),
  tokenList: FieldValues.tokenList,
  digits: FieldValues.digits,
  cookieValues: (text) => cookieValues(text, "a", Infinity),
  parseIdempotencyKey,
  parseStates: RateLimitFields.parseStates,
  parsePolicies: RateLimitFields.parsePolicies,
  parseForwarded: Forwarded.parseForwarded,
  forwardedList: Forwarded.forwardedList,
  nodeAddress: Forwarded.nodeAddress,
  readAuthority: Hosts.readAuthority,
  canonicalHost: Hosts.canonicalHost,
  bareAddress: Hosts.bareAddress,
  isAddress: Hosts.isAddress,
  isLoopback: Hosts.isLoopback,
  addressRange,
  parseChallenges,
  httpDate: (text) => HttpDate.parse(text, 0),
  retryAfter: (text) => retryAfter(text, 0),
  redactUrl: (text) => redactUrl(text),
  redactForm: (text) => redactForm(text, (name) => isSecretName(name, "form")),
  secretHeader: (text) => isSecretName(text, "header"),
  secretParameter: (text) => isSecretName(text, "query"),
  parseSetCookie,
  parseCookieDate,
  siteOfHost,
  domainMatches: (text) => domainMatches(text, `x.${text}`),
  cookieHeader: (text) => cookieHeader(text, []),
  ...cacheReaders
}

/** The least of several times, in milliseconds: what a busy machine adds is not of the reader. */
const timeOf = (read: () => unknown): number => {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < 3 && least > 4; round++) {
    const start = performance.now()
    read()
    least = Math.min(least, performance.now() - start)
  }
  return least
}

describe("16 kB of any filling", () => {
  it.each(Object.entries(readers))("client2 3.1: are read in linear time by %s", (_, read) => {
    for (const fill of fills) {
      const time = timeOf(() => read(fill))
      // A quadratic reader takes 50 ms and more for 16 kB, a linear one below 5.
      assert.isBelow(time, 40, JSON.stringify(fill.slice(0, 40)))
    }
  })
})
