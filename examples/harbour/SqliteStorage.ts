/**
 * `Storage` in one SQLite file, by `node:sqlite`.
 *
 * 1. The write-ahead log with `synchronous=FULL`: a write has reached the disk before it is acknowledged.
 * 2. The file's `user_version` counts the migrations that it has; opening runs those it lacks, each in a transaction.
 * 3. Every statement is prepared once. Statements run synchronously, so none can be interrupted half-way.
 * 4. Rows are decoded by Schema: a damaged row is a `StorageError`, never a wrong answer.
 */
import { existsSync, mkdirSync } from "node:fs"
import { dirname, resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { SQLInputValue } from "node:sqlite"

import { Clock, Effect, Layer, Option, Schema } from "effect"

import { Member, Message, MessageNotFound, NameTaken, Room, RoomNotFound, RoomTaken, StorageError } from "./Domain.ts"
import type { Page, RoomName } from "./Domain.ts"
import { Settings } from "./Settings.ts"
import { Storage } from "./Storage.ts"

const migrations: ReadonlyArray<string> = [
  `CREATE TABLE members (
     id INTEGER PRIMARY KEY,
     name TEXT NOT NULL,
     name_key TEXT NOT NULL UNIQUE,
     token_digest BLOB NOT NULL UNIQUE,
     created_at INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE rooms (
     id INTEGER PRIMARY KEY,
     name TEXT NOT NULL UNIQUE,
     topic TEXT NOT NULL,
     created_by INTEGER NOT NULL REFERENCES members (id),
     created_at INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE messages (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     room INTEGER NOT NULL REFERENCES rooms (id),
     author INTEGER NOT NULL REFERENCES members (id),
     text TEXT NOT NULL,
     posted_at INTEGER NOT NULL
   ) STRICT;
   CREATE INDEX messages_by_room ON messages (room, id);`
]

const RoomRow = Room.mapFields((fields) => ({ ...fields, createdAt: Schema.DateTimeUtcFromMillis }))
const MessageRow = Message.mapFields((fields) => ({ ...fields, postedAt: Schema.DateTimeUtcFromMillis }))

const roomColumns = `rooms.name, rooms.topic, members.name AS createdBy, rooms.created_at AS createdAt
  FROM rooms JOIN members ON members.id = rooms.created_by`
const messageColumns = `messages.id, rooms.name AS room, members.name AS author, messages.text,
    messages.posted_at AS postedAt
  FROM messages JOIN rooms ON rooms.id = messages.room JOIN members ON members.id = messages.author`

/** The rows of one page from a query that asked for one row more than its limit. */
const toPage = <A, Cursor>(rows: ReadonlyArray<A>, limit: number, cursor: (last: A) => Cursor): Page<A, Cursor> => {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { items, next: rows.length > limit && last !== undefined ? cursor(last) : null }
}

const attempt = <A>(operation: string, run: () => A): Effect.Effect<A, StorageError> =>
  Effect.try({ try: run, catch: (cause) => new StorageError({ operation, cause }) })

const userVersion = (db: DatabaseSync): number => Number(db.prepare("PRAGMA user_version").get()?.["user_version"])

const migrate = (db: DatabaseSync): void => {
  if (userVersion(db) > migrations.length) {
    throw new Error("the file was written by a newer Harbour: start that one, or name another file in HARBOUR_DATA")
  }
  while (userVersion(db) < migrations.length) {
    db.exec("BEGIN IMMEDIATE")
    try {
      // Read again under the lock: another process may have migrated meanwhile.
      const version = userVersion(db)
      const migration = migrations[version]
      if (migration !== undefined) db.exec(`${migration}; PRAGMA user_version = ${version + 1}`)
      db.exec("COMMIT")
    } catch (cause) {
      db.exec("ROLLBACK")
      throw cause
    }
  }
}

// One folder at a time: `recursive` tries without end where the system lets nobody make a folder, such as below /proc.
const makeFolder = (folder: string): void => {
  if (existsSync(folder)) return
  makeFolder(dirname(folder))
  mkdirSync(folder)
}

const open = (file: string): DatabaseSync => {
  makeFolder(dirname(resolve(file)))
  const db = new DatabaseSync(file, { enableForeignKeyConstraints: true, timeout: 1000 })
  try {
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
    migrate(db)
    return db
  } catch (cause) {
    db.close()
    throw cause
  }
}

const make = Effect.gen(function* () {
  const { data } = yield* Settings
  const db = yield* Effect.acquireRelease(
    attempt("open", () => open(data)),
    (db) => Effect.sync(() => db.close())
  )

  // `all` and not `get`: it steps to the end, so that a commit that fails is an error here and not a lost write.
  const query = <A>(operation: string, sql: string, row: Schema.ConstraintDecoder<A>) => {
    const statement = db.prepare(sql)
    const decode = Schema.decodeUnknownSync(Schema.Array(row))
    return (...parameters: ReadonlyArray<SQLInputValue>) =>
      attempt(operation, () => decode(statement.all(...parameters)))
  }

  const insertMember = query(
    "register",
    `INSERT INTO members (name, name_key, token_digest, created_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (name_key) DO NOTHING RETURNING 'Member' AS _tag, id, name`,
    Member
  )
  const selectMember = query("member", "SELECT 'Member' AS _tag, id, name FROM members WHERE token_digest = ?", Member)
  const insertRoom = query(
    "createRoom",
    `INSERT INTO rooms (name, topic, created_by, created_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (name) DO NOTHING RETURNING name, topic, ? AS createdBy, created_at AS createdAt`,
    RoomRow
  )
  const selectRoom = query("room", `SELECT ${roomColumns} WHERE rooms.name = ?`, RoomRow)
  const selectRooms = query("rooms", `SELECT ${roomColumns} WHERE rooms.name > ? ORDER BY rooms.name LIMIT ?`, RoomRow)
  const insertMessage = query(
    "post",
    `INSERT INTO messages (room, author, text, posted_at) SELECT id, ?, ?, ? FROM rooms WHERE name = ?
     RETURNING id, ? AS room, ? AS author, text, posted_at AS postedAt`,
    MessageRow
  )
  const selectMessage = query(
    "message",
    `SELECT ${messageColumns} WHERE rooms.name = ? AND messages.id = ?`,
    MessageRow
  )
  const selectMessages = query(
    "messages",
    `SELECT ${messageColumns} WHERE rooms.name = ? AND messages.id < ? ORDER BY messages.id DESC LIMIT ?`,
    MessageRow
  )

  const room = Effect.fnUntraced(function* (name: RoomName) {
    const [found] = yield* selectRoom(name)
    return found ?? (yield* new RoomNotFound({ room: name }))
  })

  return Storage.of({
    register: Effect.fnUntraced(function* (name, digest) {
      const key = name.normalize("NFKC").toLowerCase()
      const [member] = yield* insertMember(name, key, digest, yield* Clock.currentTimeMillis)
      return member ?? (yield* new NameTaken({ name }))
    }),
    member: (digest) => Effect.map(selectMember(digest), ([member]) => Option.fromUndefinedOr(member)),
    createRoom: Effect.fnUntraced(function* ({ name, topic }, by) {
      const [made] = yield* insertRoom(name, topic, by.id, yield* Clock.currentTimeMillis, by.name)
      return made ?? (yield* new RoomTaken({ room: name }))
    }),
    room,
    rooms: ({ after = "", limit }) =>
      Effect.map(selectRooms(after, limit + 1), (rows) => toPage(rows, limit, (last) => last.name)),
    post: Effect.fnUntraced(function* (name, text, by) {
      const postedAt = yield* Clock.currentTimeMillis
      const [made] = yield* insertMessage(by.id, text, postedAt, name, name, by.name)
      return made ?? (yield* new RoomNotFound({ room: name }))
    }),
    messages: Effect.fnUntraced(function* (name, { before = Number.MAX_SAFE_INTEGER, limit }) {
      const rows = yield* selectMessages(name, before, limit + 1)
      if (rows.length === 0) yield* room(name)
      return toPage(rows, limit, (last) => last.id)
    }),
    message: Effect.fnUntraced(function* (name, id) {
      const [found] = yield* selectMessage(name, id)
      if (found !== undefined) return found
      yield* room(name)
      return yield* new MessageNotFound({ room: name, id })
    })
  })
})

/** `Storage` over the file that `Settings` names. Opening fails with a `StorageError` that says what is wrong. */
export const layer: Layer.Layer<Storage, StorageError, Settings> = Layer.effect(Storage, make)
