/**
 * The part of `SqliteStorage` for rooms and messages of other Harbours.
 *
 * `origins` has the databases that rooms and messages come from, this one as 0. A message of this Harbour has no number but its id. An author of another
 * Harbour is a member here whose key no name can have, with a digest that no token can have: nobody writes in their name.
 */
import type { SQLInputValue } from "node:sqlite"

import { DateTime, Schema } from "effect"

import { limits, Message, MessageId, RoomName, RoomNotFound } from "./Domain.ts"
import { Known, Origin, TooManyOrigins, ToldMessage, ToldRoom } from "./PeerNews.ts"
import type { News } from "./PeerNews.ts"

/** The migration that brings it. */
export const migration = `CREATE TABLE origins (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
   INSERT INTO origins VALUES (0, lower(hex(randomblob(16))));
   ALTER TABLE rooms ADD COLUMN origin INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE rooms ADD COLUMN number INTEGER;
   CREATE UNIQUE INDEX rooms_by_origin ON rooms (origin, ifnull(number, id));
   ALTER TABLE messages ADD COLUMN origin INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE messages ADD COLUMN number INTEGER;
   CREATE UNIQUE INDEX messages_by_origin ON messages (origin, ifnull(number, id));`

type Prepare = <A>(
  sql: string,
  row: Schema.ConstraintDecoder<A>
) => (...parameters: ReadonlyArray<SQLInputValue>) => ReadonlyArray<A>

const LastRow = Schema.Struct({ name: Origin, room: Schema.NullOr(Schema.Int), message: Schema.NullOr(Schema.Int) })

/** In the order of the index, so that a batch costs no more when much is lacking. */
const behind = (table: "rooms" | "messages"): string =>
  `CROSS JOIN ${table} ON ${table}.origin = origins.id AND ifnull(${table}.number, ${table}.id) >
     ifnull((SELECT value FROM json_each(?) WHERE key = origins.name), 0)`
const inOrder = (table: "rooms" | "messages"): string =>
  `ORDER BY origins.id, ifnull(${table}.number, ${table}.id) LIMIT ${limits.peer.batch}`

/** The operations on the database: `take` must run in one transaction. */
export const make = (prepare: Prepare, insertLinks: (message: number, links: ReadonlyArray<string>) => void) => {
  const selectLast = prepare(
    `SELECT name, (SELECT max(ifnull(number, id)) FROM rooms WHERE origin = origins.id) AS room,
       (SELECT max(ifnull(number, id)) FROM messages WHERE origin = origins.id) AS message FROM origins`,
    LastRow
  )
  const lackingRooms = prepare(
    `SELECT origins.name AS origin, ifnull(rooms.number, rooms.id) AS number, rooms.name, rooms.topic,
       members.name AS createdBy, rooms.created_at AS createdAt
     FROM origins ${behind("rooms")} JOIN members ON members.id = rooms.created_by ${inOrder("rooms")}`,
    ToldRoom.mapFields((fields) => ({ ...fields, createdAt: Schema.DateTimeUtcFromMillis }))
  )
  const lackingMessages = prepare(
    `SELECT origins.name AS origin, ifnull(messages.number, messages.id) AS number, rooms.name AS room,
       members.name AS author, messages.text, messages.posted_at AS postedAt
     FROM origins ${behind("messages")} JOIN rooms ON rooms.id = messages.room
       JOIN members ON members.id = messages.author ${inOrder("messages")}`,
    ToldMessage.mapFields((fields) => ({ ...fields, postedAt: Schema.DateTimeUtcFromMillis }))
  )

  const insertOrigin = prepare("INSERT INTO origins (name) VALUES (?) ON CONFLICT DO NOTHING", Schema.Never)
  const countOrigins = prepare("SELECT count(*) AS count FROM origins", Schema.Struct({ count: Schema.Int }))
  const insertAuthor = prepare(
    `INSERT INTO members (name, name_key, token_digest, created_at) VALUES (?1, ?2, CAST(?2 AS BLOB), ?3)
     ON CONFLICT (name_key) DO NOTHING`,
    Schema.Never
  )
  const insertRoom = prepare(
    `INSERT INTO rooms (name, topic, created_by, created_at, origin, number)
     SELECT ?, ?, members.id, ?, origins.id, ? FROM members, origins
     WHERE members.name_key = ? AND origins.name = ? AND origins.id <> 0 ON CONFLICT DO NOTHING`,
    Schema.Never
  )
  const selectRoom = prepare("SELECT name FROM rooms WHERE name = ?", Schema.Struct({ name: RoomName }))
  const insertMessage = prepare(
    `INSERT INTO messages (room, author, text, posted_at, origin, number)
     SELECT rooms.id, members.id, ?, ?, origins.id, ? FROM rooms, members, origins
     WHERE rooms.name = ? AND members.name_key = ? AND origins.name = ? AND origins.id <> 0
     ON CONFLICT DO NOTHING RETURNING id`,
    Schema.Struct({ id: MessageId })
  )

  /** Makes an author of another Harbour known, by a key longer than any name and than any digest. */
  const authorOf = (origin: Origin, name: string, at: number): string => {
    const key = `${origin}/${name}`
    insertAuthor(name, key, at)
    return key
  }

  return {
    known(): Known {
      const rows = selectLast()
      const last = (of: "room" | "message") =>
        Object.fromEntries(rows.flatMap((row) => (row[of] === null ? [] : [[row.name, row[of]]])))
      return Known.make({ rooms: last("room"), messages: last("message") })
    },
    lacking(theirs: Known): News {
      // Messages first, so that their rooms are among the rooms read afterwards; with a full batch of rooms there may be more.
      const messages = lackingMessages(JSON.stringify(theirs.messages))
      const rooms = lackingRooms(JSON.stringify(theirs.rooms))
      return { _tag: "News", rooms, messages: rooms.length < limits.peer.batch ? messages : [] }
    },
    take(news: News, linksIn: (text: string) => ReadonlyArray<string>): ReadonlyArray<Message> {
      for (const { origin } of [...news.rooms, ...news.messages]) insertOrigin(origin)
      if (countOrigins()[0]!.count > limits.peer.origins) throw new TooManyOrigins()
      for (const { createdAt, createdBy, name, number, origin, topic } of news.rooms) {
        const at = DateTime.toEpochMillis(createdAt)
        insertRoom(name, topic, at, number, authorOf(origin, createdBy, at), origin)
      }
      return news.messages.flatMap(({ author, number, origin, postedAt, room, text }) => {
        if (selectRoom(room).length === 0) throw new RoomNotFound({ room })
        const at = DateTime.toEpochMillis(postedAt)
        const [made] = insertMessage(text, at, number, room, authorOf(origin, author, at), origin)
        if (made === undefined) return []
        insertLinks(made.id, linksIn(text))
        return [Message.make({ id: made.id, room, author, text, postedAt, previews: [] })]
      })
    }
  }
}
