/** Every contender of the client bench over loopback asks for a small JSON body, and parses it. */

/** Asks again and again, one after the other, until `next` returns false. */
export type Ask = (next: (body: unknown) => boolean) => Promise<void>

/** Makes a client that asks for the URL. */
export type Open = (url: string) => Promise<Ask>

export const names = [
  "Fairlead, 5 handlers, undici layer",
  "Effect HttpClient, undici layer",
  "Fairlead, 5 handlers, fairlead/client/node",
  "Effect HttpClient, fairlead/client/node",
  "undici request",
  "fetch",
  "axios",
  "ky",
  "got"
] as const

export type Name = (typeof names)[number]

/** One that asks by promises. */
export const asking =
  (ask: () => Promise<unknown>): Ask =>
  async (next) => {
    while (next(await ask()));
  }
