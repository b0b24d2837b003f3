/** Whether the process takes requests: false until everything is up, and from the first signal to stop on. */
import { Context, Layer } from "effect"

export class Lifecycle extends Context.Service<
  Lifecycle,
  {
    readonly ready: () => boolean
    readonly setReady: (ready: boolean) => void
  }
>()("@llm-router/server/Lifecycle") {
  static readonly layer = Layer.sync(Lifecycle, () => {
    let ready = false
    return Lifecycle.of({
      ready: () => ready,
      setReady: (next) => {
        ready = next
      }
    })
  })
}
