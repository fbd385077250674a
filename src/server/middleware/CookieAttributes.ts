/**
 * The attributes of cookies that the server sets, with safe defaults.
 *
 * @since 0.1.0
 */

/**
 * Where a browser sends a cookie, and who may read it.
 *
 * @category models
 * @since 0.1.0
 */
export interface CookieAttributes {
  /** The path below which it is sent. Default: `/`. */
  readonly path?: string | undefined
  /** The domain that shares it with its subdomains. Default: none, this host alone. */
  readonly domain?: string | undefined
  /** Whether it is sent over TLS only; browsers treat `localhost` as such. Default: true. */
  readonly secure?: boolean | undefined
  /** Whether scripts cannot read it. Default: true. */
  readonly httpOnly?: boolean | undefined
  /** Whether other sites send it along: `none` needs `secure`. Default: `lax`. */
  readonly sameSite?: "strict" | "lax" | "none" | undefined
  /** Whether each top-level site has its own (CHIPS); needs `secure`. Default: false. */
  readonly partitioned?: boolean | undefined
}
