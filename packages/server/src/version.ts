/** The product's version, as `/health` and `--version` tell it. */
import manifest from "../package.json" with { type: "json" }

export const version: string = manifest.version
