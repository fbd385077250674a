/**
 * The path of a request. Internal to Fairlead.
 *
 * @since 0.1.0
 */

/** The path of a request's target without its query, which may hold secrets. */
export const pathOf = ({ url }: { readonly url: string }): string => {
  const end = url.search(/[?#]/)
  return end === -1 ? url : url.slice(0, end)
}
