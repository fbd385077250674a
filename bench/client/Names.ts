/** The names that the budgets and the tables of the client bench look up: apart from the contenders, so that the parent process loads none of them. */

/** How many handlers. */
export const depths = [0, 1, 5, 10, 50]

export const own = "Fairlead, plain decisions"
export const ownExit = "Fairlead, methods return an Exit"
export const steps = "piped steps of Effect"
