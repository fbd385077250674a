/** Notes: a service, its error, and an implementation in memory. */
import { Context, Effect, Layer, Ref, Schema } from "effect"

export class Note extends Schema.Class<Note>("Note")({
  id: Schema.Int,
  author: Schema.String,
  text: Schema.NonEmptyString
}) {}

export class NoteNotFound extends Schema.TaggedError<NoteNotFound>()("NoteNotFound", { id: Schema.Int }) {}

export class Notes extends Context.Service<
  Notes,
  {
    readonly all: Effect.Effect<ReadonlyArray<Note>>
    readonly find: (id: number) => Effect.Effect<Note, NoteNotFound>
    readonly add: (author: string, text: string) => Effect.Effect<Note>
  }
>()("app/Notes") {}

/** Replace this layer by a database. */
export const NotesInMemory = Layer.effect(
  Notes,
  Effect.map(Ref.make<ReadonlyArray<Note>>([]), (notes) => ({
    all: Ref.get(notes),
    find: (id) =>
      Effect.flatMap(Ref.get(notes), (list) => {
        const note = list.find((candidate) => candidate.id === id)
        return note === undefined ? Effect.fail(new NoteNotFound({ id })) : Effect.succeed(note)
      }),
    add: (author, text) =>
      Ref.modify(notes, (list) => {
        const note = new Note({ id: list.length + 1, author, text })
        return [note, [...list, note]]
      })
  }))
)
