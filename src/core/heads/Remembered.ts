/**
 * Remembers what a function returned for the texts that it was called with last.
 *
 * @since 0.1.0
 */

/** The function with a memory of at most `maxTexts` texts, which is emptied when it is full. `f` depends on its text alone. */
export const remembered = <A>(maxTexts: number, f: (text: string) => A): ((text: string) => A) => {
  const results = new Map<string, { readonly value: A }>()
  return (text) => {
    const present = results.get(text)
    if (present !== undefined) return present.value
    const value = f(text)
    if (results.size >= maxTexts) results.clear()
    results.set(text, { value })
    return value
  }
}
