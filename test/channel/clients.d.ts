/** The clients that have no types of their own. */
declare module "phoenix-1.6" {
  export const Socket: unknown
}

declare module "phoenix-1.7" {
  export const Socket: unknown
}

declare module "@absinthe/socket" {
  interface Request {
    readonly operation: string
    readonly variables: object
  }
  interface Observer {
    readonly onAbort: (error: unknown) => void
    readonly onError: (error: unknown) => void
    readonly onResult: (result: { readonly data: unknown }) => void
  }
  export const create: (socket: object) => object
  export const send: (absinthe: object, request: Request) => object
  export const observe: (absinthe: object, notifier: object, observer: Observer) => object
}
