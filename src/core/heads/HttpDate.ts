/**
 * Dates as HTTP writes them (RFC 9110 §5.6.7): the preferred form and both obsolete ones, and nothing else.
 *
 * `Date.parse` takes far more than that, and differs from engine to engine.
 *
 * @since 0.1.0
 */
import { trimBlanks } from "./FieldValues.ts"

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
const month = `(?<month>${months.join("|")})`
const time = String.raw`(?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d)`
const short = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
const long = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"

const forms = [
  new RegExp(String.raw`^${short}, (?<day>\d\d) ${month} (?<year>\d{4}) ${time} GMT$`),
  new RegExp(String.raw`^${long}, (?<day>\d\d)-${month}-(?<year>\d\d) ${time} GMT$`),
  new RegExp(String.raw`^${short} ${month} (?<day>[ \d]\d) ${time} (?<year>\d{4})$`)
]

/** The milliseconds of an HTTP date, or `undefined` for other text. `now` places a year of two digits, at most 50 years ahead. */
export const parse = (value: string, now: number): number | undefined => {
  for (const form of forms) {
    const groups = form.exec(trimBlanks(value))?.groups
    if (groups !== undefined) return millisOf(groups as Record<Field, string>, now)
  }
  return undefined
}

/** The same, whatever the case of its letters: caches match dates so (RFC 9111 §4.2). */
export const parseAnyCase = (value: string, now: number): number | undefined =>
  parse(
    value.replace(letters, (word) =>
      word.toUpperCase() === "GMT" ? "GMT" : word[0]!.toUpperCase() + word.slice(1).toLowerCase()
    ),
    now
  )

const letters = /[A-Za-z]+/g

type Field = "day" | "month" | "year" | "hour" | "minute" | "second"

const millisOf = (groups: Record<Field, string>, now: number): number | undefined => {
  const year = groups.year.length === 4 ? Number(groups.year) : fullYear(Number(groups.year), now)
  const [day, hour, minute, second] = [groups.day, groups.hour, groups.minute, groups.second].map(Number) as [
    number,
    number,
    number,
    number
  ]
  if (hour > 23 || minute > 59 || second > 60) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, months.indexOf(groups.month), day)
  // The 31st of a shorter month would roll over into the next one.
  if (day === 0 || date.getUTCDate() !== day) return undefined
  return date.setUTCHours(hour, minute, second)
}

const fullYear = (twoDigits: number, now: number): number => {
  const thisYear = new Date(now).getUTCFullYear()
  const year = thisYear - (thisYear % 100) + twoDigits
  return year > thisYear + 50 ? year - 100 : year
}
