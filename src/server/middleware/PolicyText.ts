/**
 * A Content-Security-Policy as text (CSP Level 3). Internal to the server part.
 *
 * @since 0.1.0
 */
import type { OptionChecks } from "../../core/Options.ts"
import type { ContentSecurityPolicy, CspDirectives } from "./ContentSecurityPolicy.ts"

/** Helmet's defaults. */
const defaults: CspDirectives = {
  "default-src": ["'self'"],
  "base-uri": ["'self'"],
  "font-src": ["'self'", "https:", "data:"],
  "form-action": ["'self'"],
  "frame-ancestors": ["'self'"],
  "img-src": ["'self'", "data:"],
  "object-src": ["'none'"],
  "script-src": ["'self'"],
  "script-src-attr": ["'none'"],
  "style-src": ["'self'", "https:", "'unsafe-inline'"],
  "upgrade-insecure-requests": true
}

const placeholder = "'nonce'"

/** The text of a policy for a request: without a nonce in it, the same for all requests. */
export interface PolicyText {
  readonly usesNonce: boolean
  readonly text: (nonce: string) => string
}

const directiveName = /^[a-z]+(?:-[a-z]+)*$/

// CSP Level 3 §2.2.1: no white space, comma or semicolon within a value, and ASCII only.
const directiveValue = /^[\x21-\x2b\x2d-\x3a\x3c-\x7e]+$/

const keywords =
  /^(?:self|none|strict-dynamic|report-sample|inline-speculation-rules|unsafe-(?:inline|eval|hashes|webtransport-hashes)|wasm-unsafe-eval|nonce(?:-.*)?|sha(?:256|384|512)-.*)$/i

/** The policy as text; throws `InvalidOption` for one that browsers would read as another policy. */
export const policyText = (
  check: OptionChecks,
  option: string,
  { directives = {}, useDefaults = true }: ContentSecurityPolicy
): PolicyText => {
  const all: Readonly<Record<string, ReadonlyArray<string> | boolean | undefined>> = {
    ...(useDefaults ? defaults : {}),
    ...definedIn(directives)
  }
  const parts = Object.entries(all).flatMap(([name, values]) => {
    if (!directiveName.test(name)) throw check.invalid(option, `"${name}" is no directive: use one such as script-src`)
    if (values === undefined || values === false) return []
    if (values === true) return [name]
    for (const value of values) checkValue(check, option, name, value)
    return [[name, ...values].join(" ")]
  })
  if (parts.length === 0) throw check.invalid(option, "the policy has no directive: name one, or use false")
  const template = parts.join("; ").split(placeholder)
  return { usesNonce: template.length > 1, text: (nonce) => template.join(`'nonce-${nonce}'`) }
}

// An undefined directive is as good as an absent one.
const definedIn = (directives: CspDirectives): CspDirectives =>
  Object.fromEntries(Object.entries(directives).filter(([, values]) => values !== undefined))

const checkValue = (check: OptionChecks, option: string, name: string, value: string): void => {
  const shown = `${JSON.stringify(value)} in ${name}`
  if (typeof value !== "string" || !directiveValue.test(value)) {
    throw check.invalid(option, `${shown} is not allowed: use visible ASCII without commas and semicolons`)
  }
  if (keywords.test(value)) throw check.invalid(option, `${shown} is not allowed: use quotes, as "'${value}'"`)
  if (/^'nonce-/i.test(value)) {
    throw check.invalid(option, `${shown} is not allowed: use "'nonce'", which is another nonce for each request`)
  }
}
