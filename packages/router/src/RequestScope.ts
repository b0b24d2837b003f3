/**
 * What a request gives back when it ends, whatever ends it. Effect's `Scope` does so for finalizers of every kind; looking
 * it up, adding to it and closing it was a third of a request's operations, though hardly a finalizer finds anything
 * left to do.
 */
import { Effect } from "effect"

/** Gives an effect where there is more to do than it has done at once. */
type Finalizer = () => Effect.Effect<void> | undefined

export class RequestScope {
  readonly #finalizers: Array<Finalizer> = []

  add(finalizer: Finalizer): void {
    this.#finalizers.push(finalizer)
  }

  /** Runs the finalizers, the newest first, each once; one that is broken does not keep the others from running. */
  close(): Effect.Effect<void> {
    for (let next = this.#finalizers.pop(); next !== undefined; next = this.#finalizers.pop()) {
      const left = leftBy(next)
      if (left !== undefined) {
        return Effect.ensuring(
          left,
          Effect.suspend(() => this.close())
        )
      }
    }
    return Effect.void
  }
}

const leftBy = (finalizer: Finalizer): Effect.Effect<void> | undefined => {
  try {
    return finalizer()
  } catch (defect) {
    return Effect.die(defect)
  }
}

/** Runs what a request does, and gives back what it took. */
export const withRequestScope = <A, E, R>(
  body: (scope: RequestScope) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const scope = new RequestScope()
    return Effect.onExit(body(scope), () => scope.close())
  })
