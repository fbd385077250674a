/**
 * Harbour's HTTP interface.
 *
 * | | |
 * |---|---|
 * | `POST /api/tokens` | `{ name }`: become a member; answers the token, this once |
 * | `GET /api/session` | `{ name }` of the page's visitor; null for a guest |
 * | `POST /api/session` | `{ name }`: become a member in this browser, or `{ token }`: sign in as one |
 * | `DELETE /api/session` | sign out |
 * | `GET /api/rooms?limit=&after=` | rooms by name |
 * | `POST /api/rooms` | `{ name, topic? }`: make a room (members) |
 * | `GET /api/rooms/:room` | one room |
 * | `GET /api/rooms/:room/messages?limit=&before=` | messages, newest first |
 * | `POST /api/rooms/:room/messages` | `{ text }`: post a message (members) |
 * | `GET /api/rooms/:room/messages/:id` | one message |
 * | `GET /` | the page, and below `/modules` what it imports |
 *
 * A list is a page of `limit` items (50, at most 100) with `next`: the cursor of the next page, or null. Every error
 * is a problem (RFC 9457) with a `code`. A message has `previews` of its first three links, each as soon as it is made and
 * without one for a page that says nothing: a message that was just posted has no previews yet. The events of a room are broadcast as they happen on
 * its channel: `RoomChannel.ts`.
 */
import { Effect, Option, Redacted, Schema } from "effect"
import { FindMyWay, HttpRouter, HttpServerResponse } from "effect/http"
import { HeaderValue } from "fairlead/server"
import { AuthenticationError } from "fairlead/server/middleware"

import { CurrentUser, limits, Message, MessageId, MessageText, Room, RoomName, Topic } from "./Domain.ts"
import type { Page } from "./Domain.ts"
import * as Input from "./Input.ts"
import { Messages } from "./Messages.ts"
import { SentName } from "./Names.ts"
import { modules, page } from "./Page.ts"
import { Visitor } from "./Sessions.ts"
import { Storage } from "./Storage.ts"
import { Tokens } from "./Tokens.ts"

const Limit = Schema.FiniteFromString.check(
  Schema.isInt({ expected: "a whole number" }),
  Schema.isBetween({ minimum: 1, maximum: limits.page.max }, { expected: `1 to ${limits.page.max}` })
).pipe(Schema.optionalKey)

// One way to write each number: `1e0`, `0x1` and ` 1` are no message's.
const MessageNumber = Schema.String.check(
  Schema.isPattern(/^[1-9]\d{0,15}$/, { expected: "a positive whole number in decimal digits" })
).pipe(Schema.decodeTo(Schema.FiniteFromString), Schema.decodeTo(MessageId))

const InRoom = Schema.Struct({ room: RoomName })

const answer =
  <A, I>(schema: Schema.Codec<A, I>) =>
  (value: A, options?: HttpServerResponse.Options) =>
    HttpServerResponse.jsonUnsafe(Schema.encodeSync(schema)(value), options)

const answerRoom = answer(Room)
const answerMessage = answer(Message)
const answerPage = <A, I>(item: Schema.Codec<A, I>) => {
  const encode = Schema.encodeSync(Schema.Array(item))
  return ({ items, next }: Page<A, string | number>) => HttpServerResponse.jsonUnsafe({ items: encode(items), next })
}
const answerRooms = answerPage(Room)
const answerMessages = answerPage(Message)

/** The member who sends this request; a guest is refused. */
const member = Effect.filterOrFail(
  CurrentUser,
  (user) => user._tag === "Member",
  () =>
    new AuthenticationError({
      reason: {
        _tag: "MissingCredential",
        description: "Only members write: get a token by POST /api/tokens and send it as a bearer token."
      },
      realm: "harbour"
    })
)

const issueToken = Effect.gen(function* () {
  const { name } = yield* Input.body(Schema.Struct({ name: SentName }))
  const tokens = yield* Tokens
  const { token } = yield* tokens.issue(name)
  return HttpServerResponse.jsonUnsafe(
    { name, token: Redacted.value(token) },
    { status: 201, headers: { "cache-control": "no-store" } }
  )
})

const getSession = Effect.gen(function* () {
  const user = yield* (yield* Visitor).get
  return HttpServerResponse.jsonUnsafe(
    { name: user._tag === "Member" ? user.name : null },
    { headers: { "cache-control": "no-store" } }
  )
})

const signIn = Effect.gen(function* () {
  const sent = yield* Input.body(
    Schema.Union([Schema.Struct({ name: SentName }), Schema.Struct({ token: Schema.RedactedFromValue(Schema.String) })])
  )
  const tokens = yield* Tokens
  // Nobody sees the token of a member who joins on the page.
  const member =
    "name" in sent ? Option.some((yield* tokens.issue(sent.name)).member) : yield* tokens.verify(sent.token)
  if (Option.isNone(member)) return yield* new AuthenticationError({ reason: { _tag: "InvalidCredential" } })
  const visitor = yield* Visitor
  yield* visitor.update(() => member.value)
  yield* visitor.renew
  return HttpServerResponse.jsonUnsafe({ name: member.value.name }, { status: 201 })
})

const signOut = Effect.gen(function* () {
  yield* (yield* Visitor).destroy
  return HttpServerResponse.empty({ headers: { "clear-site-data": HeaderValue.clearSiteData("storage") } })
})

const listRooms = Effect.gen(function* () {
  const { after, limit = limits.page.default } = yield* Input.query(
    Schema.Struct({ limit: Limit, after: Schema.optionalKey(RoomName) })
  )
  const storage = yield* Storage
  return answerRooms(yield* storage.rooms({ limit, after }))
})

const createRoom = Effect.gen(function* () {
  const by = yield* member
  const { name, topic = "" } = yield* Input.body(Schema.Struct({ name: RoomName, topic: Schema.optionalKey(Topic) }))
  const storage = yield* Storage
  const room = yield* storage.createRoom({ name, topic }, by)
  return answerRoom(room, { status: 201, headers: { location: `/api/rooms/${name}` } })
})

const getRoom = Effect.gen(function* () {
  const { room } = yield* Input.path(InRoom)
  const storage = yield* Storage
  return answerRoom(yield* storage.room(room))
})

const listMessages = Effect.gen(function* () {
  const { room } = yield* Input.path(InRoom)
  const { before, limit = limits.page.default } = yield* Input.query(
    Schema.Struct({ limit: Limit, before: Schema.optionalKey(MessageNumber) })
  )
  const storage = yield* Storage
  return answerMessages(yield* storage.messages(room, { limit, before }))
})

const postMessage = Effect.gen(function* () {
  const by = yield* member
  const { room } = yield* Input.path(InRoom)
  const { text } = yield* Input.body(Schema.Struct({ text: MessageText }))
  const messages = yield* Messages
  const message = yield* messages.post(room, text, by)
  return answerMessage(message, { status: 201, headers: { location: `/api/rooms/${room}/messages/${message.id}` } })
})

const getMessage = Effect.gen(function* () {
  const { id, room } = yield* Input.path(Schema.Struct({ room: RoomName, id: MessageNumber }))
  const storage = yield* Storage
  return answerMessage(yield* storage.message(room, id))
})

/** The routes that the banner shows. */
export const list = [
  HttpRouter.route("GET", "/", page),
  HttpRouter.route("GET", modules.phoenix.path, modules.phoenix.response),
  HttpRouter.route("GET", modules.live.path, modules.live.response),
  HttpRouter.route("POST", "/api/tokens", issueToken),
  HttpRouter.route("GET", "/api/session", getSession),
  HttpRouter.route("POST", "/api/session", signIn),
  HttpRouter.route("DELETE", "/api/session", signOut),
  HttpRouter.route("GET", "/api/rooms", listRooms),
  HttpRouter.route("POST", "/api/rooms", createRoom),
  HttpRouter.route("GET", "/api/rooms/:room", getRoom),
  HttpRouter.route("GET", "/api/rooms/:room/messages", listMessages),
  HttpRouter.route("POST", "/api/rooms/:room/messages", postMessage),
  HttpRouter.route("GET", "/api/rooms/:room/messages/:id", getMessage)
] as const

/** Every route of Harbour. */
export const routes = HttpRouter.addAll(list)

interface Place {
  readonly pattern: string
  readonly methods: ReadonlyArray<string>
}

const places = FindMyWay.make<Place>()
for (const pattern of new Set(list.map((route) => route.path))) {
  const methods = list.filter((route) => route.path === pattern).map((route) => route.method)
  places.all(pattern, {
    pattern,
    methods: methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]))
  })
}

/** The methods that the path of `url` takes: none when there is no such path. */
export const allowed = (url: string): ReadonlyArray<string> => places.find("GET", url)?.handler.methods ?? []
