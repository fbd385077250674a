/**
 * Names of members, so that nobody can pass for somebody else.
 *
 * 1. A name is normalised to NFKC before it is checked: full-width letters and ligatures become ordinary ones.
 * 2. It has no invisible character: none of the categories Cc, Cf (zero width, direction), Co and Cn.
 * 3. It does not mix Latin with Cyrillic, Greek, Armenian or Cherokee letters, which look alike.
 * 4. Two names whose letters look alike are one name: the key under which a name is taken has each look-alike as its Latin letter.
 */
import { Schema, SchemaTransformation } from "effect"

import { MemberName } from "./Domain.ts"

const invisible = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\u115f\u1160\u3164\uffa0]/u
const latin = /\p{Script=Latin}/u
const lookAlike = /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}]/u

const plain = MemberName.check(
  Schema.makeFilter((name) => !invisible.test(name) || "no invisible characters"),
  Schema.makeFilter(
    (name) => !(latin.test(name) && lookAlike.test(name)) || "letters of one script: these look like others"
  )
)

/** A member's name as a client sends it. */
export const SentName = Schema.String.pipe(
  Schema.decodeTo(
    plain,
    SchemaTransformation.transform({ decode: (name) => name.normalize("NFKC"), encode: (name: string) => name })
  )
)

// The letters of other scripts that look like a Latin one, by Unicode's list of confusables; digits that do, too.
const latinOf = new Map(
  Object.entries({
    a: "аα",
    b: "ьв",
    c: "сϲ",
    d: "ԁ",
    e: "еє",
    g: "ց",
    h: "һн",
    i: "іιıӏ1l|",
    j: "ј",
    k: "кκ",
    m: "м",
    n: "ոп",
    o: "оοσօ0",
    p: "рρ",
    q: "ԛ",
    s: "ѕ",
    t: "тτ",
    u: "υս",
    v: "νѵ",
    w: "ԝω",
    x: "хχ",
    y: "уγ",
    z: "ᴢ"
  }).flatMap(([letter, others]) => Array.from(others, (other) => [other, letter] as const))
)

/** The key under which a name is taken: that of every name that looks like it. */
export const keyOf = (name: string): string =>
  Array.from(name.normalize("NFKC").toLowerCase(), (character) => latinOf.get(character) ?? character)
    .join("")
    .replaceAll(/\s+/g, " ")
