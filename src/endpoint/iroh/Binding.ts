/**
 * Loads the native binding when an endpoint is bound, not before: a program that never binds one does without it. Internal to the iroh transport.
 *
 * @since 0.1.0
 */
import type * as Iroh from "@number0/iroh"
import * as Effect from "effect/Effect"

import { BindError, TransportError } from "../EndpointError.ts"
import { textOf } from "./NativeText.ts"

/** The binding. */
export type Binding = typeof Iroh

const isMissing = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND"

/** Loads it, or says what to install. */
export const load = (load: () => Promise<Binding> = () => import("@number0/iroh")): Effect.Effect<Binding, BindError> =>
  Effect.tryPromise({
    try: load,
    catch: (cause) =>
      new BindError({
        reason: new TransportError({
          description: isMissing(cause)
            ? "The iroh transport needs a missing package: install it with npm install @number0/iroh@1.1"
            : `The native part of @number0/iroh could not be loaded: install it again with its optional dependencies, on a platform that it supports (${textOf(cause)})`,
          cause
        })
      })
  })
