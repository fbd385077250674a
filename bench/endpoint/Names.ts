/** What the budgets and the tables of the endpoint bench ask for by name: apart from the contenders, so that the parent process loads none of them. */

/** How many hooks. */
export const depths = [0, 1, 10]

export const plain = "hooks give plain values"
export const exit = "hooks return an Exit"
export const sync = "hooks return Effect.sync"
export const suspending = "hooks suspend the fiber"

export const names = [plain, exit, sync, suspending]
