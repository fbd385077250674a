/**
 * A handler with its types erased. Internal to the channel part.
 *
 * @since 0.1.0
 */
import type { BuildSite } from "../core/BuildSite.ts"
import type { Recipe } from "../core/Composite.ts"
import { interceptorOf, kindOf } from "../core/InterceptorKind.ts"
import type { ChannelSocket, ConnectRequest } from "./ChannelSocket.ts"
import type {
  Change,
  DisconnectEvent,
  Drop,
  IncomingMessage,
  JoinMessage,
  LeaveEvent,
  OutgoingMessage
} from "./HandlerMessages.ts"
import { TypeId } from "./HandlerTypeId.ts"

type Socket = ChannelSocket["Service"]

/** The kind of channel handlers. */
export const handlerKind = kindOf({ part: "channel", typeId: TypeId, kind: "handler", maker: "ChannelHandler.make" })

/** The hooks of a handler. */
export interface HandlerHooksValue {
  readonly connect?: (connect: ConnectRequest) => unknown
  readonly join?: (joining: JoinMessage, socket: Socket) => unknown
  readonly incoming?: (message: IncomingMessage, socket: Socket) => unknown
  readonly outgoing?: (message: OutgoingMessage, socket: Socket) => void | Change | Drop
  readonly leave?: (left: LeaveEvent, socket: Socket) => unknown
  readonly disconnect?: (ended: DisconnectEvent, socket: Socket) => unknown
}

/** A handler. */
export interface HandlerValue extends HandlerHooksValue, Recipe {}

/** Makes a handler of its hooks, or of a function that makes them for each build of a server. */
export const handlerOf = (
  name: string,
  hooks: HandlerHooksValue | ((site: BuildSite) => HandlerHooksValue),
  storeKey?: string
): HandlerValue => {
  if (typeof hooks !== "function") return interceptorOf(handlerKind, { name, ...hooks })
  const build = (site: BuildSite): HandlerValue => interceptorOf(handlerKind, { name: site.name, ...hooks(site) })
  return interceptorOf(handlerKind, { name, build, ...(storeKey === undefined ? {} : { storeKey }) })
}
