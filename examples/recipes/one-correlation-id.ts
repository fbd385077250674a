/** One id from a request through the client's call, the channel's broadcast and the peer's message. */
import { Console, Deferred, Effect, Layer, Schema, Stream } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse, HttpServerResponse } from "effect/http"
import { ChannelApi, ChannelServer } from "fairlead/channel"
import { ClientChain, ClientHandler } from "fairlead/client"
import { Alpn, Endpoint, ProtocolRouter, Streams } from "fairlead/endpoint"
import { Pipeline } from "fairlead/server"
import { RequestId, requestId } from "fairlead/server/middleware"
import { TestChannel } from "fairlead/testing/channel"
import { TestEndpoint } from "fairlead/testing/endpoint"
import { TestServer } from "fairlead/testing/server"

const Order = Schema.Struct({ id: Schema.String })
const News = Streams.messages(Order)
const news = Alpn.fromString("news/1")
class Orders extends ChannelApi.make("orders", { outgoing: { placed: Order } }) {}
const OrdersLive = Orders.layer({ join: () => Effect.void, on: {} })

/** Each call has the id of the request that it belongs to: the handler needs `RequestId`, and its type says so. */
const correlate = ClientHandler.make("correlate", {
  run: ({ request }) =>
    Effect.map(RequestId, (id) => ClientHandler.proceed(HttpClientRequest.setHeader(request, "x-request-id", id)))
})
const warehouse = HttpClient.make((request) =>
  Effect.succeed(HttpClientResponse.fromWeb(request, new Response(request.headers["x-request-id"])))
)
const client = ClientChain.over(ClientChain.make("warehouse").use(correlate), warehouse)

const place = Effect.gen(function* () {
  const id = yield* RequestId
  const response = yield* client.post("http://warehouse.test/orders")
  yield* Orders.broadcast({}, "placed", { id })
  const { addr } = yield* Endpoint.Endpoint
  const connection = yield* (yield* Endpoint.make({ alpns: [] })).connect(addr, news)
  yield* Effect.flatMap(connection.openUni, (stream) => News.write(stream, { id }))
  return HttpServerResponse.text(`client: ${yield* response.text}`)
})
const named = Pipeline.make("orders").outer(requestId({ trust: true }))
const orders = named.handle(place).catch(Effect.die)

const heard = Deferred.makeUnsafe<string>()
const router = ProtocolRouter.make("news").route(news, (connection) =>
  Effect.gen(function* () {
    const messages = News.readAll(yield* connection.acceptUni)
    yield* Stream.runForEach(messages, ({ id }) => Deferred.succeed(heard, id))
  }).pipe(Effect.orDie)
)

const program = Effect.gen(function* () {
  const sockets = yield* TestChannel.make(ChannelServer.make("live").mount(Orders), OrdersLive)
  const browser = (yield* sockets.connect()).channel(Orders, {})
  yield* browser.join()
  const server = yield* sockets.run(TestServer.make(orders, Layer.empty))
  const reply = yield* sockets.run(server.post("/orders", { headers: { "x-request-id": "order-7" } }))
  yield* Console.log(`response: ${reply.headers.get("x-request-id")}, ${reply.text}`)
  yield* Console.log(`channel: ${(yield* browser.next("placed")).id}, peer: ${yield* Deferred.await(heard)}`)
})
const live = Layer.provideMerge(ProtocolRouter.layer(router), TestEndpoint.layer())
await Effect.runPromise(Effect.scoped(Effect.provide(program, live)))
