/**
 * The storage of Harbour: members, rooms, messages and the previews of their links, as one service.
 *
 * Routes know only this file. `SqliteStorage.ts` implements it over a file; a test or another database provides
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

/** Members, rooms and messages. Acknowledged writes survive the end of the process, however it ends. */
export class Storage extends Context.Service<
  Storage,
  {
    /** Writes, so that a full disk or a file that may only be read is noticed. */
    readonly writable: Effect.Effect<void, StorageError>
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
    /** Rooms by name, those after `after`. */
    readonly rooms: (page: {
      readonly limit: number
      readonly after?: RoomName | undefined
    }) => Effect.Effect<Page<Room, RoomName>, StorageError>
    /**
     * Adds a message to a room, and its links to those that wait for a preview, unless too many do. `stored` runs in the same step as the commit: an interruption comes
     * before both, or after both.
     */
    readonly post: (
      room: RoomName,
      text: MessageText,
      by: Member,
      links: ReadonlyArray<string>,
      stored?: (message: Message) => Effect.Effect<void>
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
    /** Begins with the first waiting link after `after`. A link that was begun too often is forgotten at the start. */
    readonly beginPreview: (after: number) => Effect.Effect<Option.Option<WaitingLink>, StorageError>
    /** Ends it: with a preview, which the message has from now on, or without, which forgets the link. */
    readonly endPreview: (
      id: number,
      preview: Option.Option<Omit<Preview, "url">>
    ) => Effect.Effect<Option.Option<Message>, StorageError>
    /** All stored messages, from this Harbour and from others. */
    readonly known: Effect.Effect<Known, StorageError>
    /** The next batch of messages after these positions: each origin in order, a room before its messages. */
    readonly lacking: (theirs: Known) => Effect.Effect<News, StorageError>
    /**
     * Adds rooms and messages of another Harbour, all or nothing; existing entries stay as they are. Returns the new messages. `stored` runs in the same step as
     * the commit, as for `post`.
     */
    readonly take: (
      news: News,
      linksIn: (text: string) => ReadonlyArray<string>,
      stored?: (messages: ReadonlyArray<Message>) => Effect.Effect<void>
    ) => Effect.Effect<ReadonlyArray<Message>, RoomNotFound | TooManyOrigins | StorageError>
    /** Subscribes to additions of rooms or messages: one event may be for several. */
    readonly grown: Effect.Effect<PubSub.Subscription<void>, never, Scope.Scope>
  }
>()("harbour/Storage") {}
