/**
 * The peers, as they are by default: axios, ky and got bring their own redirects, retries, timeouts or decompression, undici and fetch few.
 *
 * Libraries are loaded on demand, so that a process holds nothing of the others.
 */
import { asking } from "./Contender.ts"
import type { Open } from "./Contender.ts"

/** The undici that Effect's transport has, with an agent like its. */
export const undici: Open = async (url) => {
  const { Agent, request } = await import("@effect/platform-node/Undici")
  const dispatcher = new Agent()
  return asking(async () => (await request(url, { dispatcher })).body.json())
}

/** Node's own, over the undici within Node. */
export const fetching: Open = async (url) => asking(async () => (await fetch(url)).json())

export const axios: Open = async (url) => {
  const { default: axios } = await import("axios")
  return asking(async () => (await axios.get<unknown>(url)).data)
}

export const ky: Open = async (url) => {
  const { default: ky } = await import("ky")
  return asking(() => ky(url).json())
}

export const got: Open = async (url) => {
  const { default: got } = await import("got")
  return asking(() => got(url).json())
}
