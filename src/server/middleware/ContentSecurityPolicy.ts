/**
 * A Content-Security-Policy as data (CSP Level 3).
 *
 * @since 0.1.0
 */

/**
 * The names of the directives of a policy.
 *
 * @category models
 * @since 0.1.0
 */
export type CspDirective =
  | "base-uri"
  | "block-all-mixed-content"
  | "child-src"
  | "connect-src"
  | "default-src"
  | "fenced-frame-src"
  | "font-src"
  | "form-action"
  | "frame-ancestors"
  | "frame-src"
  | "img-src"
  | "manifest-src"
  | "media-src"
  | "object-src"
  | "report-to"
  | "report-uri"
  | "require-trusted-types-for"
  | "sandbox"
  | "script-src"
  | "script-src-attr"
  | "script-src-elem"
  | "style-src"
  | "style-src-attr"
  | "style-src-elem"
  | "trusted-types"
  | "upgrade-insecure-requests"
  | "worker-src"

/**
 * The directives of a policy: the values of each, `true` for a directive without values, `false` to drop a default. The value `'nonce'` (with its
 * quotes) becomes the nonce of each request.
 *
 * @category models
 * @since 0.1.0
 */
export type CspDirectives = { readonly [Name in CspDirective]?: ReadonlyArray<string> | boolean | undefined }

/**
 * A Content-Security-Policy.
 *
 * @category models
 * @since 0.1.0
 */
export interface ContentSecurityPolicy {
  /** The directives, over the defaults. */
  readonly directives?: CspDirectives | undefined
  /** Whether the other directives have their default. Default: true. */
  readonly useDefaults?: boolean | undefined
}
