/**
 * What Harbour keeps: members, rooms, messages and the previews of their links, behind one service.
 *
 * Routes know only this file. `SqliteStorage.ts` implements it over a file; a test or another database gives
 * another Layer.
 */
import { Context } from "effect"
import type { Effect, Option, PubSub, Scope } from "effect"

import type {
  Member,
  MemberName,
  Message,
  MessageId,
  MessageNotFound,
  MessageText,
  NameTaken,
  Page,
  Preview,
  Room,
  RoomName,
  RoomNotFound,
  RoomTaken,
  StorageError
} from "./Domain.ts"
import type { Known, News, TooManyOrigins } from "./PeerNews.ts"

/** A link whose preview is still to be made. */
export interface WaitingLink {
  /** It grows from link to link. */
  readonly id: number
  readonly url: string
}

/** Members, rooms and messages. What it has acknowledged survives the end of the process, however it ends. */
export class Storage extends Context.Service<
  Storage,
  {
    /** Makes a member who is known by the digest of their token. */
    readonly register: (name: MemberName, digest: Uint8Array) => Effect.Effect<Member, NameTaken | StorageError>
    /** The member with this token digest. */
    readonly member: (digest: Uint8Array) => Effect.Effect<Option.Option<Member>, StorageError>
    /** Makes a room. */
    readonly createRoom: (
      draft: { readonly name: RoomName; readonly topic: string },
      by: Member
    ) => Effect.Effect<Room, RoomTaken | StorageError>
    /** The room of this name. */
    readonly room: (name: RoomName) => Effect.Effect<Room, RoomNotFound | StorageError>
    /** Rooms by name, those behind `after`. */
    readonly rooms: (page: {
      readonly limit: number
      readonly after?: RoomName | undefined
    }) => Effect.Effect<Page<Room, RoomName>, StorageError>
    /** Adds a message to a room, and its links to those that wait for a preview, unless too many do. */
    readonly post: (
      room: RoomName,
      text: MessageText,
      by: Member,
      links: ReadonlyArray<string>
    ) => Effect.Effect<Message, RoomNotFound | StorageError>
    /** Messages of a room, newest first, those older than `before`: a page does not move while others post. */
    readonly messages: (
      room: RoomName,
      page: { readonly limit: number; readonly before?: MessageId | undefined }
    ) => Effect.Effect<Page<Message, MessageId>, RoomNotFound | StorageError>
    /** One message of a room. */
    readonly message: (
      room: RoomName,
      id: MessageId
    ) => Effect.Effect<Message, RoomNotFound | MessageNotFound | StorageError>
    /** Begins with the first link behind `after` that waits. A link that was begun too often is forgotten at the start. */
    readonly beginPreview: (after: number) => Effect.Effect<Option.Option<WaitingLink>, StorageError>
    /** Ends it: with a preview, which the message has from now on and is given with, or without, which forgets the link. */
    readonly endPreview: (
      id: number,
      preview: Option.Option<Omit<Preview, "url">>
    ) => Effect.Effect<Option.Option<Message>, StorageError>
    /** What is here, from this Harbour and from others. */
    readonly known: Effect.Effect<Known, StorageError>
    /** The next of what somebody lacks who knows that much: one batch, each origin in order, a room ahead of its messages. */
    readonly lacking: (theirs: Known) => Effect.Effect<News, StorageError>
    /** Adds what another Harbour told, all of it or nothing; what is here already stays as it is. Gives the messages that are new. */
    readonly take: (
      news: News,
      linksIn: (text: string) => ReadonlyArray<string>
    ) => Effect.Effect<ReadonlyArray<Message>, RoomNotFound | TooManyOrigins | StorageError>
    /** Hears from now on that rooms or messages were added: one word may stand for several. */
    readonly grown: Effect.Effect<PubSub.Subscription<void>, never, Scope.Scope>
  }
>()("harbour/Storage") {}
