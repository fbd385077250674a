/**
 * The changes that a release makes to files of the checkout, as functions from text to text.
 */

/** A version of npm without a tag: `1.2.3`. */
export const isVersion = (text: string): boolean => /^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)$/.test(text)

/** Whether `next` comes after `version`. */
export const isAfter = (version: string, next: string): boolean => {
  const [a = [], b = []] = [version, next].map((text) => text.split(".").map(Number))
  const index = b.findIndex((part, index) => part !== a[index])
  return index !== -1 && b[index]! > a[index]!
}

/** The version of a package.json, changed. */
export const inManifest = (text: string, version: string): string =>
  text.replace(/"version": "[^"]+"/, `"version": "${version}"`)

/** The range of fairlead in the package.json of a template, changed. */
export const inTemplate = (text: string, version: string): string =>
  text.replace(/"fairlead": "[^"]+"/, `"fairlead": "~${version}"`)

/** The changelog, with all unreleased notes below the version. */
export const inChangelog = (text: string, version: string, date: string): string =>
  text.replace(/^## Unreleased\n/m, `## Unreleased\n\n## ${version} - ${date}\n`)

/** The notes of a version in the changelog, or nothing. */
export const notesOf = (changelog: string, version: string): string | undefined => {
  const [, section] = changelog.split(new RegExp(`^## ${version.replaceAll(".", "\\.")}\\b.*\\n`, "m"))
  const notes = section?.split(/^## /m)[0]?.trim()
  return notes === "" ? undefined : notes
}

/** The table of the README, whose first row is that of the newest minor version. */
export const inReadme = (text: string, version: string): string => {
  const minor = version.replace(/\.\d+$/, "")
  const [row = "", name, rest] = /^\| (\d+\.\d+) (\| \d+\.\d+ \| .*)$/m.exec(text) ?? []
  return name === minor ? text : text.replace(row, `| ${minor} ${rest}\n${row}`)
}
