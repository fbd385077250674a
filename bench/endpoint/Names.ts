/** The names that the budgets and the tables of the endpoint bench look up: apart from the contenders, so that the parent process loads none of them. */

/** How many hooks. */
export const depths = [0, 1, 10]

export const plain = "hooks give plain values"
export const exit = "hooks return an Exit"
export const sync = "hooks return Effect.sync"
export const suspending = "hooks suspend the fiber"

export const names = [plain, exit, sync, suspending]

/** The kinds of hooks whose CPU time is measured. */
export const kinds = { plain: "plain value", synchronous: "synchronous", suspending: "suspending" } as const
