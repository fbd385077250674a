/**
 * `Storage` in one SQLite file, by `node:sqlite`.
 *
 * 1. The write-ahead log with `synchronous=FULL`: a write has reached the disk before it is acknowledged.
 * 2. The file's `user_version` counts the migrations that it has; opening runs those it lacks, each in a transaction.
 * 3. Every statement is prepared once. Statements run synchronously, so none can be interrupted half-way.
 * 4. A write that another process locks out does not wait in SQLite, which would freeze the event loop: it is tried again, for `limits.lock` milliseconds.
 * 5. A commit and its notifications are one uninterruptible step. Waiting for a lock can be interrupted.
 * 6. Harbour is ready while the file can be written and `limits.free` bytes are free on its disk.
 * 7. Rows are decoded by Schema: a damaged row is a `StorageError`, never a wrong answer.
 */
import { statfs } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { SQLInputValue } from "node:sqlite"

import { Clock, Effect, Layer, Option, PubSub, Schedule, Schema } from "effect"

import {
  limits,
  Member,
  Message,
  MessageNotFound,
  NameTaken,
  Room,
  RoomNotFound,
  RoomTaken,
  StorageError
} from "./Domain.ts"
import type { Page, RoomName } from "./Domain.ts"
import { makeFolder } from "./Folder.ts"
import { keyOf } from "./Names.ts"
import { TooManyOrigins } from "./PeerNews.ts"
import { Settings } from "./Settings.ts"
import * as SqlitePeers from "./SqlitePeers.ts"
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
   CREATE INDEX messages_by_room ON messages (room, id);`,
  // The links that get a preview: without a title it is still to be made.
  `CREATE TABLE previews (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     message INTEGER NOT NULL REFERENCES messages (id),
     url TEXT NOT NULL,
     tries INTEGER NOT NULL DEFAULT 0,
     title TEXT,
     description TEXT
   ) STRICT;
   CREATE INDEX previews_by_message ON previews (message, id);
   CREATE INDEX previews_waiting ON previews (id) WHERE title IS NULL;`,
  SqlitePeers.migration
]

const RoomRow = Room.mapFields((fields) => ({ ...fields, createdAt: Schema.DateTimeUtcFromMillis }))
const MessageRow = Message.mapFields((fields) => ({
  ...fields,
  postedAt: Schema.DateTimeUtcFromMillis,
  previews: Schema.fromJsonString(fields.previews)
}))
const WaitingRow = Schema.Struct({ id: Schema.Int, url: Schema.String })

const roomColumns = `rooms.name, rooms.topic, members.name AS createdBy, rooms.created_at AS createdAt
  FROM rooms JOIN members ON members.id = rooms.created_by`
const messageColumns = `messages.id, rooms.name AS room, members.name AS author, messages.text,
    messages.posted_at AS postedAt,
    (SELECT json_group_array(json_object('url', url, 'title', title, 'description', description) ORDER BY id)
     FROM previews WHERE message = messages.id AND title IS NOT NULL) AS previews
  FROM messages JOIN rooms ON rooms.id = messages.room JOIN members ON members.id = messages.author`

/** The rows of one page from a query that asked for one row more than its limit. */
const toPage = <A, Cursor>(rows: ReadonlyArray<A>, limit: number, cursor: (last: A) => Cursor): Page<A, Cursor> => {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { items, next: rows.length > limit && last !== undefined ? cursor(last) : null }
}

/** SQLITE_BUSY and SQLITE_LOCKED, with any extended code. */
const isLocked = (cause: unknown): boolean =>
  typeof cause === "object" && cause !== null && "errcode" in cause && [5, 6].includes(Number(cause.errcode) % 256)

const pause = 20

/** Tries again while another process holds the lock, without waiting in SQLite. */
const unlocked = <A, E extends { readonly cause?: unknown }>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.retry(effect, {
    schedule: Schedule.spaced(pause),
    times: limits.lock / pause,
    while: (error: E) => isLocked(error.cause)
  })

const tryOnce = <A>(operation: string, run: () => A, file?: string): Effect.Effect<A, StorageError> =>
  Effect.try({
    try: run,
    catch: (cause) => new StorageError({ operation, cause, ...(file === undefined ? {} : { file }) })
  })

const attempt = <A>(operation: string, run: () => A, file?: string): Effect.Effect<A, StorageError> =>
  unlocked(tryOnce(operation, run, file))

/** A change, and what follows its commit: an interruption comes before both, or after both. */
const commit = <A, E extends { readonly cause?: unknown }>(
  change: Effect.Effect<A, E>,
  committed: (changed: A) => Effect.Effect<void>
): Effect.Effect<A, E> => unlocked(Effect.uninterruptible(Effect.tap(change, committed)))

const userVersion = (db: DatabaseSync): number => Number(db.prepare("PRAGMA user_version").get()?.["user_version"])

/** Runs what is synchronous as one transaction: all of it happens, or nothing. */
const transaction = <A>(db: DatabaseSync, run: () => A): A => {
  db.exec("BEGIN IMMEDIATE")
  try {
    const result = run()
    db.exec("COMMIT")
    return result
  } catch (cause) {
    // A full disk ends a transaction by itself.
    if (db.isTransaction) db.exec("ROLLBACK")
    throw cause
  }
}

const migrate = (db: DatabaseSync): void => {
  if (userVersion(db) > migrations.length) {
    throw new Error("the file was written by a newer Harbour: start that one, or name another file in HARBOUR_DATA")
  }
  while (userVersion(db) < migrations.length) {
    transaction(db, () => {
      // Read again under the lock: another process may have migrated meanwhile.
      const version = userVersion(db)
      const migration = migrations[version]
      if (migration !== undefined) db.exec(`${migration}; PRAGMA user_version = ${version + 1}`)
    })
  }
}

const open = (file: string): DatabaseSync => {
  makeFolder(dirname(resolve(file)))
  const db = new DatabaseSync(file, { enableForeignKeyConstraints: true, timeout: 0 })
  try {
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
    migrate(db)
    return db
  } catch (cause) {
    db.close()
    throw cause
  }
}

const enoughSpace = (file: string): Effect.Effect<void, StorageError> =>
  Effect.tryPromise({
    try: async () => {
      const { bavail, bsize } = await statfs(dirname(resolve(file)))
      if (bavail * bsize < limits.free) throw new Error(`the disk is full: ${bavail * bsize} bytes are free`)
    },
    catch: (cause) => new StorageError({ operation: "writable", cause, file })
  })

const make = Effect.gen(function* () {
  const { data } = yield* Settings
  const db = yield* Effect.acquireRelease(
    attempt("open", () => open(data), data),
    (db) => Effect.sync(() => db.close())
  )

  // `all` and not `get`: it steps to the end, so that a commit that fails is an error here and not a lost write.
  const prepare = <A>(sql: string, row: Schema.ConstraintDecoder<A>) => {
    const statement = db.prepare(sql)
    const decode = Schema.decodeUnknownSync(Schema.Array(row))
    return (...parameters: ReadonlyArray<SQLInputValue>) => decode(statement.all(...parameters))
  }
  const query = <A>(operation: string, sql: string, row: Schema.ConstraintDecoder<A>) => {
    const run = prepare(sql, row)
    return (...parameters: ReadonlyArray<SQLInputValue>) => attempt(operation, () => run(...parameters))
  }

  const insertMember = query(
    "register",
    `INSERT INTO members (name, name_key, token_digest, created_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (name_key) DO NOTHING RETURNING 'Member' AS _tag, id, name`,
    Member
  )
  const selectMember = query("member", "SELECT 'Member' AS _tag, id, name FROM members WHERE token_digest = ?", Member)
  const insertRoom = prepare(
    `INSERT INTO rooms (name, topic, created_by, created_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (name) DO NOTHING RETURNING name, topic, ? AS createdBy, created_at AS createdAt`,
    RoomRow
  )
  const selectRoom = query("room", `SELECT ${roomColumns} WHERE rooms.name = ?`, RoomRow)
  const selectRooms = query("rooms", `SELECT ${roomColumns} WHERE rooms.name > ? ORDER BY rooms.name LIMIT ?`, RoomRow)
  const insertMessage = prepare(
    `INSERT INTO messages (room, author, text, posted_at) SELECT id, ?, ?, ? FROM rooms WHERE name = ?
     RETURNING id, ? AS room, ? AS author, text, posted_at AS postedAt, '[]' AS previews`,
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

  const insertLinks = prepare(
    `INSERT INTO previews (message, url) SELECT ?, value FROM json_each(?)
     WHERE (SELECT count(*) FROM previews WHERE title IS NULL) < ?`,
    Schema.Never
  )
  const waitFor = (message: number, links: ReadonlyArray<string>): void => {
    insertLinks(message, JSON.stringify(links), limits.preview.backlog)
  }
  const tryLink = query(
    "beginPreview",
    `UPDATE previews SET tries = tries + 1
     WHERE id = (SELECT id FROM previews WHERE title IS NULL AND id > ? ORDER BY id LIMIT 1) RETURNING id, url`,
    WaitingRow
  )
  const deleteTried = query("open", "DELETE FROM previews WHERE title IS NULL AND tries >= ?", Schema.Never)
  const updatePreview = query("endPreview", "UPDATE previews SET title = ?, description = ? WHERE id = ?", Schema.Never)
  const selectPreviewed = query(
    "endPreview",
    `SELECT ${messageColumns} WHERE messages.id = (SELECT message FROM previews WHERE id = ?)`,
    MessageRow
  )
  const deletePreview = query("endPreview", "DELETE FROM previews WHERE id = ?", Schema.Never)

  const room = Effect.fnUntraced(function* (name: RoomName) {
    const [found] = yield* selectRoom(name)
    return found ?? (yield* new RoomNotFound({ room: name }))
  })

  const peers = SqlitePeers.make(prepare, waitFor)
  // Whoever listens and has not looked since the last word needs no second one.
  const growth = yield* PubSub.sliding<void>(1)
  const grow = PubSub.publish(growth, undefined)

  yield* deleteTried(limits.preview.tries)

  return Storage.of({
    // The same number again: it is written all the same. It may overwrite a page of the log, so that it succeeds on a full disk.
    writable: Effect.andThen(
      attempt("writable", () => db.exec(`PRAGMA user_version = ${userVersion(db)}`), data),
      enoughSpace(data)
    ),
    register: Effect.fnUntraced(function* (name, digest) {
      const [member] = yield* insertMember(name, keyOf(name), digest, yield* Clock.currentTimeMillis)
      return member ?? (yield* new NameTaken({ name }))
    }),
    member: (digest) => Effect.map(selectMember(digest), ([member]) => Option.fromUndefinedOr(member)),
    createRoom: Effect.fnUntraced(function* ({ name, topic }, by) {
      const createdAt = yield* Clock.currentTimeMillis
      const insert = tryOnce("createRoom", () => insertRoom(name, topic, by.id, createdAt, by.name))
      const [made] = yield* commit(insert, ([room]) => (room === undefined ? Effect.void : grow))
      return made ?? (yield* new RoomTaken({ room: name }))
    }),
    room,
    rooms: ({ after = "", limit }) =>
      Effect.map(selectRooms(after, limit + 1), (rows) => toPage(rows, limit, (last) => last.name)),
    post: Effect.fnUntraced(function* (name, text, by, links, stored = () => Effect.void) {
      const postedAt = yield* Clock.currentTimeMillis
      const post = () => {
        const [made] = insertMessage(by.id, text, postedAt, name, name, by.name)
        if (made !== undefined) waitFor(made.id, links)
        return made
      }
      const insert = tryOnce("post", () => (links.length === 0 ? post() : transaction(db, post)))
      const made = yield* commit(insert, (message) =>
        message === undefined ? Effect.void : Effect.andThen(stored(message), grow)
      )
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
    }),
    beginPreview: (after) => Effect.map(tryLink(after), ([link]) => Option.fromUndefinedOr(link)),
    endPreview: (id, preview) =>
      Option.match(preview, {
        onNone: () => Effect.as(deletePreview(id), Option.none()),
        onSome: ({ description, title }) =>
          Effect.map(Effect.andThen(updatePreview(title, description, id), selectPreviewed(id)), ([message]) =>
            Option.fromUndefinedOr(message)
          )
      }),
    known: attempt("known", () => peers.known()),
    lacking: (theirs) => attempt("lacking", () => peers.lacking(theirs)),
    take: (news, linksIn, stored = () => Effect.void) => {
      const insert = Effect.try({
        try: () => transaction(db, () => peers.take(news, linksIn)),
        catch: (cause) =>
          cause instanceof RoomNotFound || cause instanceof TooManyOrigins
            ? cause
            : new StorageError({ operation: "take", cause })
      })
      const isEmpty = news.rooms.length + news.messages.length === 0
      return commit(insert, (messages) => (isEmpty ? Effect.void : Effect.andThen(stored(messages), grow)))
    },
    grown: PubSub.subscribe(growth)
  })
})

/** `Storage` over the file that `Settings` names. Opening fails with a `StorageError` that says what is wrong. */
export const layer: Layer.Layer<Storage, StorageError, Settings> = Layer.effect(Storage, make)
