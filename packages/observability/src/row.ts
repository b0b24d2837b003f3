import type { Builder } from "@grafana/grafana-foundation-sdk/cog"
import type { Panel } from "@grafana/grafana-foundation-sdk/dashboard"

/** A group of panels under a heading. */
export interface Row {
  readonly title: string
  readonly panels: ReadonlyArray<Builder<Panel>>
}
