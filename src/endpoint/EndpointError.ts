/**
 * How connects, connections and streams fail and end. Each error has a tagged `reason`, so that `Effect.catchReason` recovers one of them.
 *
 * @since 0.1.0
 */
export { ConnectionEnded } from "./error/CloseReason.ts"
export {
  AddressInUse,
  AlpnMismatch,
  BindError,
  ConnectError,
  ConnectionRefused,
  EndpointClosed,
  HookPoint,
  IdentityMismatch,
  InvalidAddress,
  NoAddress,
  Rejected,
  SelfConnect,
  TimedOut,
  TransportError
} from "./error/ConnectError.ts"
export { StreamError, StreamFinished, StreamReset, StreamStopped } from "./error/StreamError.ts"
