/** A fault put into a source on purpose: `search` must be there exactly once. */
export interface Mutation {
  readonly fault: string
  readonly file: string
  readonly search: string
  readonly replace: string
}

const interpreter = "src/server/Interpreter.ts"

/** Faults of the server's interpreter, each of which breaks one rule of the error flow. The property tests must catch every one. */
export const mutations: ReadonlyArray<Mutation> = [
  {
    fault: "after a recovery the flow resumes at the handler instead of at the next stage",
    file: interpreter,
    search: "value)\n      this.pc += stage.jump",
    replace: "value)\n      this.pc = this.plan.stages.findIndex((stage) => stage.op === Op.handle)"
  },
  {
    fault: "a stage's own cases see its own failure",
    file: interpreter,
    search: "this.cause = this.named(stage, earlier === undefined ? cause : withDefects(earlier, cause))",
    replace:
      "this.cause = this.named(stage, cause); if (stage.op === Op.before && this.plan.stages[this.pc - 2]?.jump === 1) this.pc -= 2"
  },
  {
    fault: "a catch sees defects",
    file: interpreter,
    search: "const failure = failureOf(cause)\n",
    replace: "const failure: any = failureOf(cause) ?? { error: Cause.squash(cause) }\n"
  },
  {
    fault: "a pair's stored value is shared across requests",
    file: interpreter,
    search: "this.plan = plan\n",
    replace: "this.plan = plan; this.stored = (plan as any).stored ??= []\n"
  },
  {
    fault: "a request that a stage left in the context is kept for later stages",
    file: interpreter,
    search: "Context.getUnsafe(left, HttpServerRequest.HttpServerRequest) === this.request",
    replace: "true"
  },
  {
    fault: "all entries of one pipeline share the run of the flow",
    file: interpreter,
    search: "start(new Flow(plan, fiber, watch))",
    replace:
      "start(Object.assign(((plan as any).shared ??= new Flow(plan, fiber, watch)), new Flow(plan, fiber, watch)))"
  },
  {
    fault: "services of a pipeline are seen around it",
    file: interpreter,
    search: "if (this.restores) return next",
    replace: "if (next !== undefined) return next"
  },
  {
    fault: "a stage that throws skips the later stages",
    file: interpreter,
    search: "this.fail(stage, Cause.die(defect))\n        continue",
    replace: "return Exit.die(defect)"
  },
  {
    fault: "the services of a stage behind an ensure stage are seen around the pipeline",
    file: interpreter,
    search: "this.restores = false\n    return this.run()",
    replace: "return this.run()"
  },
  {
    fault: "a catch sees the failure in a cause that holds a defect too",
    file: "src/server/StageCause.ts",
    search: "Cause.hasDies(cause) ? undefined : cause.reasons.find(Cause.isFailReason)",
    replace: "cause.reasons.find(Cause.isFailReason)"
  },
  {
    fault: "an interruption skips the finalizers that come after a suspended stage",
    file: interpreter,
    search: "if (this.protects && !this.masked",
    replace: "if ((false as boolean) && !this.masked"
  },
  {
    fault: "a finalizer that suspends can be interrupted",
    file: interpreter,
    search: "if (!this.masked) this.masked = ContinuationFrame.mask(fiber)",
    replace: "this.masked = false"
  },
  {
    fault: "a pipeline opened with next() takes the rest of another one for its own",
    file: "src/server/Terminal.ts",
    search: "outside === undefined ? app :",
    replace: "outside !== null ? app :"
  }
]

const driver = "src/client/Cycle.ts"

/** Faults of the client's driver, each of which breaks one rule of an exchange. The property tests must catch every one. */
export const clientMutations: ReadonlyArray<Mutation> = [
  {
    fault: "the way back begins at the handler that halted instead of at the last one",
    file: driver,
    search: "this.position = this.handlers.length - 1",
    replace: "this.position = Math.min(this.position, this.handlers.length - 1)"
  },
  {
    fault: "a failure that takes the place of a response skips the outer handlers",
    file: driver,
    search: "return Effect.flatMap(release(response), () => {\n      this.position--",
    replace: "return Effect.flatMap(release(response), () => {\n      this.position = -1"
  },
  {
    fault: "a failure on the way back hides the failure that was there",
    file: driver,
    search: "this.outcome = failure(Cause.combine(before.cause, cause))",
    replace: "this.outcome = failure(cause)"
  },
  {
    fault: "a queued follow-up beats a failure",
    file: driver,
    search: "(queued === undefined || this.recovered !== outcome)",
    replace: "queued === undefined"
  },
  {
    fault: "the response before a follow-up is not released",
    file: driver,
    search: "Effect.forEach(discarded, release, { discard: true })",
    replace: "Effect.void"
  },
  {
    fault: "a spent stream is sent again",
    file: driver,
    search: "state.hasSentBody(request) && !canReplay(request)",
    replace: "(false as boolean)"
  },
  {
    fault: "concurrent calls share an exchange",
    file: "src/client/ClientPlan.ts",
    search: "new LogicalRequest(this, fiber, watch).execute(",
    replace: "((this as any).shared ??= new LogicalRequest(this, fiber, watch)).execute("
  },
  {
    fault: "an interruption leaves the response open",
    file: driver,
    search: "held === undefined ? undoing : Effect.andThen(undoing, close(held))",
    replace: "undoing"
  },
  {
    fault: "a recover catches what was raised outside of it",
    file: driver,
    search: "this.position >= this.raisedAt || ",
    replace: ""
  },
  {
    fault: "a recover swallows defects",
    file: driver,
    search: " || Cause.hasDies(outcome.cause)",
    replace: ""
  },
  {
    fault: "a handler sees the requests that those behind it made",
    file: driver,
    search: "this.views[this.position] ?? new ExchangeView(this, this.position, this.outgoing)",
    replace: "new ExchangeView(this, this.position, this.outgoing)"
  }
]
