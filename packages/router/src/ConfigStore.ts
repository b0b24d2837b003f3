/**
 * The configuration in force: categories, chains and breaker settings, changed through the API or in the file.
 * A change is on disk before it is in force, and in force before its caller hears of it.
 */
import { builtinCategoryNames } from "@llm-router/domain/builtinCategories"
import { type Category, CategoryName, Description, Examples, Keywords, Models } from "@llm-router/domain/Category"
import type { RouterConfig } from "@llm-router/domain/RouterConfig"
import { type ConfigFileInvalid, type ConfigNotSaved, InvalidRequest, NotFound } from "@llm-router/domain/RouterError"
import {
  Context,
  type Duration,
  Effect,
  Layer,
  Schema,
  SchemaParser,
  Semaphore,
  type Stream,
  SubscriptionRef
} from "effect"
import { faultsOf, pathText } from "./configFaults.ts"
import { areTooMany, countRule, examplesRule, overfullCategory } from "./configBounds.ts"
import { cleanExamples, configOf, configWith, emptyFile } from "./configFile.ts"
import { cleanKeywords } from "./configRepairs.ts"
import { type ConfigFileOptions, type ConfigSource, inMemory, openConfigFile } from "./configOnDisk.ts"

/** Omitted fields keep what is stored; a new category needs `models`, its other fields are empty. */
export interface CategoryChange {
  readonly name: string
  readonly models?: ReadonlyArray<string> | undefined
  readonly keywords?: ReadonlyArray<string> | undefined
  readonly description?: string | undefined
  readonly examples?: ReadonlyArray<string> | undefined
}

/** What a change led to. */
export interface Changed {
  /** In force from now on. */
  readonly config: RouterConfig
  /** The category as it is now, or as it was before it was deleted. */
  readonly category: Category
  /** Whether it was not there before. */
  readonly created: boolean
}

/** 400 for a value that the file's rules refuse, 409 `builtin_category`, 412 `config_changed`; or not written. */
export type ChangeRefused = InvalidRequest | ConfigFileInvalid | ConfigNotSaved

const CategoryFields = Schema.Struct({
  name: CategoryName,
  models: Models,
  keywords: Keywords,
  description: Description,
  examples: Schema.optionalKey(Examples)
})
const decodeFields = SchemaParser.decodeUnknownEffect(CategoryFields, { reportInput: true })

interface UncheckedFields {
  readonly name: string
  readonly models: ReadonlyArray<string>
  readonly keywords: ReadonlyArray<string>
  readonly description: string
  readonly examples?: ReadonlyArray<string>
}

const invalidCategory = (param: string | null, what: string): InvalidRequest =>
  new InvalidRequest({ message: `${param ?? "category"}: ${what}`, param, code: "invalid_category", status: 400 })

/** The category of these fields, by the rules of the file: what would not be read again is never written. */
const categoryOf = (fields: UncheckedFields): Effect.Effect<Category, InvalidRequest> =>
  decodeFields(fields).pipe(
    Effect.map(({ examples = [], ...decoded }) => ({
      ...decoded,
      keywords: cleanKeywords(decoded.keywords),
      ...cleanExamples(examples),
      builtin: builtinCategoryNames.has(decoded.name)
    })),
    Effect.mapError((issue) => {
      const fault = faultsOf(issue)[0]
      return invalidCategory(fault === undefined ? null : pathText(fault.path), fault?.what ?? "not valid")
    })
  )

const unknownCategory = (config: RouterConfig, name: string, param: string): NotFound =>
  new NotFound({
    message: `There is no category ${JSON.stringify(name)}. There are: ${[...config.categories.keys()].join(", ")}.`,
    param,
    code: "category_not_found"
  })

/** RFC 9110: a list of ETags or `*`; a weak one never matches. */
const isStale = (config: RouterConfig, ifMatch: string | undefined): boolean =>
  ifMatch !== undefined && !ifMatch.split(",").some((tag) => tag.trim() === config.etag || tag.trim() === "*")

const changedMeanwhile = (config: RouterConfig): InvalidRequest =>
  new InvalidRequest({
    message: `The configuration has changed: it is ${config.etag} now. Read it again, then repeat the change.`,
    param: "if-match",
    code: "config_changed",
    status: 412
  })

/** How often a change is made anew because the file was edited by hand under it. */
const mostAttempts = 5

export class ConfigStore extends Context.Service<
  ConfigStore,
  {
    /** One read of a reference: a request takes it once, when it begins. */
    readonly current: Effect.Effect<RouterConfig>
    readonly currentUnsafe: () => RouterConfig
    /** Adds a category, or changes one; `ifMatch` is the `If-Match` header. */
    readonly setCategory: (input: CategoryChange, ifMatch?: string) => Effect.Effect<Changed, ChangeRefused>
    readonly setModels: (
      category: string,
      models: ReadonlyArray<string>,
      ifMatch?: string
    ) => Effect.Effect<Changed, ChangeRefused | NotFound>
    readonly deleteCategory: (name: string, ifMatch?: string) => Effect.Effect<Changed, ChangeRefused | NotFound>
    /** The configuration in force, then each that follows it. */
    readonly changes: Stream.Stream<RouterConfig>
    /** Why the file on disk is not what is in force. */
    readonly problem: Effect.Effect<string | undefined>
    readonly path: string
  }
>()("@llm-router/router/ConfigStore") {
  /**
   * Kept in `router_config.json`, which is followed while it is edited by hand. A file that is invalid at the
   * start fails the layer and is never overwritten.
   */
  static readonly layerFile = (
    options: ConfigFileOptions & { readonly watchInterval?: Duration.Input }
  ): Layer.Layer<ConfigStore, ConfigFileInvalid> =>
    Layer.effect(
      ConfigStore,
      Effect.gen(function* () {
        const source = yield* openConfigFile(options)
        const lock = yield* Semaphore.make(1)
        // What it refuses is logged and shown as `problem`; the next look may find it mended.
        yield* Effect.sleep(options.watchInterval ?? "1 second").pipe(
          Effect.andThen(Effect.ignore(exclusively(lock, source.refresh))),
          Effect.forever,
          Effect.forkScoped
        )
        return storeOf(source, lock)
      })
    )

  /** Not kept: for tests and for the sandbox. */
  static readonly layerMemory = (config: RouterConfig = configOf(emptyFile)): Layer.Layer<ConfigStore> =>
    Layer.effect(
      ConfigStore,
      Effect.map(Effect.all([inMemory(config), Semaphore.make(1)]), ([source, lock]) => storeOf(source, lock))
    )
}

/** One at a time; and once begun, to the end: a client that leaves must not leave a change half made. */
const exclusively = <A, E>(lock: Semaphore.Semaphore, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  lock.withPermit(Effect.uninterruptible(effect))

interface Edit {
  readonly categories: ReadonlyMap<string, Category>
  readonly category: Category
  readonly created: boolean
}

const withCategory = (config: RouterConfig, category: Category): Edit => ({
  categories: new Map([...config.categories, [category.name, category]]),
  category,
  created: !config.categories.has(category.name)
})

const storeOf = (source: ConfigSource, lock: Semaphore.Semaphore): ConfigStore["Service"] => {
  const currentUnsafe = (): RouterConfig => SubscriptionRef.getUnsafe(source.ref)

  const change = <E>(
    ifMatch: string | undefined,
    edit: (config: RouterConfig) => Effect.Effect<Edit, E>
  ): Effect.Effect<Changed, E | ChangeRefused> =>
    exclusively(
      lock,
      source.alone(
        Effect.gen(function* () {
          for (let attempt = 0; attempt < mostAttempts; attempt++) {
            yield* source.refresh
            const before = currentUnsafe()
            if (isStale(before, ifMatch)) return yield* changedMeanwhile(before)
            const { categories, category, created } = yield* edit(before)
            const after = configWith({ ...before, categories })
            // Also when nothing changed: the file may have been deleted, and the caller was promised that it is there.
            if (!(yield* source.save(after))) continue
            if (after.etag !== before.etag) yield* SubscriptionRef.set(source.ref, after)
            return { config: currentUnsafe(), category, created }
          }
          yield* source.refresh
          return yield* changedMeanwhile(currentUnsafe())
        })
      )
    )

  return ConfigStore.of({
    current: SubscriptionRef.get(source.ref),
    currentUnsafe,
    setCategory: Effect.fn("ConfigStore.setCategory")((input: CategoryChange, ifMatch?: string) =>
      change(
        ifMatch,
        Effect.fnUntraced(function* (config) {
          const stored = config.categories.get(input.name)
          const models = input.models ?? stored?.models
          if (models === undefined) return yield* invalidCategory("models", "required for a new category")
          const category = yield* categoryOf({
            name: input.name,
            models,
            keywords: input.keywords ?? stored?.keywords ?? [],
            description: input.description ?? stored?.description ?? "",
            examples: input.examples ?? stored?.examples ?? []
          })
          const edit = withCategory(config, category)
          if (edit.created && areTooMany(edit.categories.keys())) return yield* invalidCategory("name", countRule)
          if (overfullCategory(edit.categories.values()) === undefined) return edit
          return yield* invalidCategory("examples", examplesRule)
        })
      )
    ),
    setModels: Effect.fn("ConfigStore.setModels")((name: string, models: ReadonlyArray<string>, ifMatch?: string) =>
      change(
        ifMatch,
        Effect.fnUntraced(function* (config) {
          const stored = config.categories.get(name)
          if (stored === undefined) return yield* unknownCategory(config, name, "category")
          return withCategory(config, yield* categoryOf({ ...stored, models }))
        })
      )
    ),
    deleteCategory: Effect.fn("ConfigStore.deleteCategory")((name: string, ifMatch?: string) =>
      change(
        ifMatch,
        Effect.fnUntraced(function* (config) {
          const category = config.categories.get(name)
          if (category === undefined) return yield* unknownCategory(config, name, "name")
          if (category.builtin) {
            return yield* new InvalidRequest({
              message: `The category ${JSON.stringify(name)} ships with the router: it can be changed, not deleted.`,
              param: "name",
              code: "builtin_category",
              status: 409
            })
          }
          const categories = new Map([...config.categories].filter(([other]) => other !== name))
          return { categories, category, created: false }
        })
      )
    ),
    changes: SubscriptionRef.changes(source.ref),
    problem: source.problem,
    path: source.path
  })
}
