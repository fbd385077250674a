/**
 * The page of recipes, with each program as its file has it.
 */

/** A section: its heading with the name, prose, and one block. */
const section = /^### (?<name>[\w-]+)\n(?<prose>[^`]*?)```ts\n[\s\S]*?^```$/gm

/** The page with the code of each section replaced by that of the program of this name; the comment that begins a program is left out. */
export const shown = (page: string, read: (name: string) => string): string =>
  page.replaceAll(section, (_, name: string, prose: string) => {
    const code = read(name).replace(/^\/\*\*[\s\S]*?\*\/\n/, "")
    return `### ${name}\n${prose}\`\`\`ts\n${code}\`\`\``
  })

/** The names of the sections. */
export const namesOf = (page: string): ReadonlyArray<string> =>
  Array.from(page.matchAll(/^### ([\w-]+)$/gm), ([, name]) => name!)
