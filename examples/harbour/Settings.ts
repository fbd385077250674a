/**
 * Harbour's settings, from the environment:
 *
 * - `PORT`: the TCP port, 3000 by default; 0 takes a free one, which is then printed.
 * - `HOST`: the address to listen on, 0.0.0.0 by default, so that Harbour can be reached from outside the container
 *   it runs in. `HOST=127.0.0.1` keeps it to this machine.
 * - `HARBOUR_DATA`: the database file, ./harbour-data/harbour.db by default; its folder is created.
 * - `HARBOUR_PREVIEW_ALLOW`: origins that links may lead to although they are not public, such as
 *   `http://wiki.internal:8080,http://127.0.0.1:9000`; none by default.
 * - `HARBOUR_PEERS`: Harbours to share rooms with, such as `ID@192.0.2.7:4433,ID`: one with an address is dialled, one without may
 *   dial; several addresses of one peer are several entries. `--peer ID@ADDRESS` adds one. None by default.
 * - `HARBOUR_PEER_LISTEN`: the address and UDP port where peers find this Harbour, 0.0.0.0:0 by default, which is any port; it is not
 *   opened unless this or a peer is set.
 * - `REDIS_URL`: the Redis over which several Harbours on one database file serve the same rooms, such as `redis://127.0.0.1:6379`; without it Harbour is alone.
 * - `HARBOUR_PLAIN_HTTP`: `true` where browsers on other machines open Harbour over plain HTTP: its cookie then lacks `Secure`, without which no browser would keep it.
 *   `false` by default.
 * - `READINESS_DELAY`: how long Harbour serves on after a stop was requested, with `/ready` at 503, such as `5 seconds`;
 *   0 by default, since a load balancer is needed for it to be of use. Stopping takes that much longer.
 *
 * All faults are reported at once, before anything is opened or bound.
 */
import { Config, Context, Duration, Effect, Redacted, Result, Schema } from "effect"
import type { Option } from "effect"
import { NetAddress } from "effect/net"
import { AppConfig } from "fairlead/app"
import { EndpointId } from "fairlead/endpoint"
import type { EndpointAddr } from "fairlead/endpoint"

/** Where Harbour listens, where it keeps its data, where its previews may come from, and with whom it shares its rooms. */
export class Settings extends Context.Service<
  Settings,
  {
    readonly port: number
    readonly host: string
    readonly data: string
    readonly previewAllow: ReadonlyArray<string>
    readonly peers: ReadonlyArray<EndpointAddr.EndpointAddr>
    readonly peerListen: Option.Option<string>
    readonly redis: Option.Option<Redacted.Redacted>
    readonly plainHttp: boolean
    readonly readinessDelay: Duration.Duration
  }
>()("harbour/Settings") {}

const isOrigin = (text: string): boolean => /^https?:/.test(text) && URL.parse(text)?.origin === text

const isRedis = (text: string): boolean => /^rediss?:$/.test(URL.parse(text)?.protocol ?? "")

const isAddress = (text: string): boolean => Result.isSuccess(NetAddress.inetAddressFromString(text))

const isId = Schema.is(EndpointId.EndpointId)

const isPeer = (text: string): boolean => {
  const [id = "", ...address] = text.split("@")
  return isId(id) && (address.length === 0 || isAddress(address.join("@")))
}

/** Peers by their ids, each with all its addresses. */
const peersOf = (texts: ReadonlyArray<string>): ReadonlyArray<EndpointAddr.EndpointAddr> => {
  const peers = new Map<string, Array<string>>()
  for (const text of texts) {
    const [id = "", ...address] = text.split("@")
    peers.set(id, [...(peers.get(id) ?? []), ...address])
  }
  return Array.from(peers, ([id, addrs]) => ({ id: EndpointId.EndpointId.make(id), addrs }))
}

/** Reads the settings from the environment. */
export const settings = AppConfig.all({
  port: Config.schema(
    Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65535 }, { expected: "a port from 0 to 65535" })),
    "PORT"
  ).pipe(Config.withDefault(3000)),
  host: Config.NonEmptyString("HOST").pipe(Config.withDefault("0.0.0.0")),
  data: Config.schema(
    Schema.String.check(Schema.isPattern(/[^/]$/, { expected: "the path of a file, not of a folder" })),
    "HARBOUR_DATA"
  ).pipe(Config.withDefault("./harbour-data/harbour.db")),
  previewAllow: Config.Array(
    Schema.Trim.check(
      Schema.makeFilter(
        (text) => isOrigin(text) || "an origin: scheme, host and port only, like http://wiki.internal:8080"
      )
    ),
    "HARBOUR_PREVIEW_ALLOW"
  ).pipe(Config.withDefault([])),
  peers: Config.Array(
    Schema.Trim.check(
      Schema.makeFilter(
        (text) => isPeer(text) || "a peer: an id of 64 hexadecimal digits, and @IP:PORT when it is to be dialled"
      )
    ),
    "HARBOUR_PEERS"
  ).pipe(Config.withDefault([]), Config.map(peersOf)),
  peerListen: Config.schema(
    Schema.String.check(Schema.makeFilter((text) => isAddress(text) || "an IP address and a port, like 0.0.0.0:4433")),
    "HARBOUR_PEER_LISTEN"
  ).pipe(Config.option),
  // A password may be part of it.
  redis: Config.schema(
    Schema.RedactedFromValue(Schema.String).check(
      Schema.makeFilter((url) => isRedis(Redacted.value(url)) || "a URL like redis://127.0.0.1:6379 or rediss://…")
    ),
    "REDIS_URL"
  ).pipe(Config.option),
  plainHttp: Config.Boolean("HARBOUR_PLAIN_HTTP").pipe(Config.withDefault(false)),
  readinessDelay: Config.Duration("READINESS_DELAY").pipe(Config.withDefault(Duration.zero))
})

/** How Harbour listens, and how it stops: well within the 5 s that whoever stops it may allow. */
export const listening = Effect.map(Settings, ({ host, port, readinessDelay }) => ({
  host,
  port,
  readinessDelay,
  grace: "3 seconds" as const,
  mercy: "1 second" as const
}))
