/**
 * The HTTP API of the shop. Clients and OpenAPI are derived from it.
 */
import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"

/** The order of a customer. */
export const Draft = Schema.Struct({
  item: Schema.NonEmptyString.check(Schema.isMaxLength(100)),
  quantity: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 }))
})
export type Draft = typeof Draft.Type

/** An order that was placed. */
export const Order = Schema.Struct({ id: Schema.Int, ...Draft.fields, placedAt: Schema.DateTimeUtcFromString })
export type Order = typeof Order.Type

/** There is no order of this number. */
export class OrderNotFound extends Schema.TaggedError<OrderNotFound>()(
  "OrderNotFound",
  { id: Schema.Int },
  { httpApiStatus: 404 }
) {
  override get message() {
    return `There is no order ${this.id}`
  }
}

/** The database does not answer. The log says why; clients learn only that they may try again. */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {}, { httpApiStatus: 503 }) {
  override get message() {
    return "Orders can be neither placed nor read now. Try again in some seconds"
  }
}

const Orders = HttpApiGroup.make("orders").add(
  HttpApiEndpoint.post("place", "/orders", {
    payload: Draft,
    success: Order.annotate({ httpApiStatus: 201 }),
    error: Unavailable
  }),
  HttpApiEndpoint.get("find", "/orders/:id", {
    params: { id: Schema.NumberFromString.check(Schema.isInt()) },
    success: Order,
    error: [OrderNotFound, Unavailable]
  })
)

export const Api = HttpApi.make("shop").add(Orders)
