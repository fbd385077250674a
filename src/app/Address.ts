/**
 * Where an application listens, as a URL to open. Internal to the app part.
 *
 * @since 0.1.0
 */
import * as HttpServer from "effect/http/HttpServer"
import type * as NetAddress from "effect/net/NetAddress"

const everyAddress = /\/\/(?:0\.0\.0\.0|\[::\])(?=:|$)/

/** The URL of an address, with `localhost` in place of the addresses 0.0.0.0 and `::`, which nobody can open. */
export const urlOf = (address: NetAddress.SocketAddress): string =>
  HttpServer.formatAddress(address).replace(everyAddress, "//localhost")

/** Whether it is every address of the machine. */
export const isEveryAddress = (address: NetAddress.SocketAddress): boolean =>
  everyAddress.test(HttpServer.formatAddress(address))
