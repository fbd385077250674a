/** Events of the Probe as lines. */
import type { Probe } from "fairlead"

export const shown = ({ composite, errorType, interceptor, outcome, phase, type }: Probe.Event): string =>
  `${composite}: ${phase} ${interceptor} ${outcome ?? type}${errorType === undefined ? "" : ` ${errorType}`}`
