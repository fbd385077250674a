/**
 * Endpoints over iroh: a transport on the package `@number0/iroh`.
 *
 * @since 0.1.0
 */
export * as IrohTransport from "./IrohTransport.ts"
