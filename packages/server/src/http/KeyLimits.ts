/**
 * What one client key may use: requests per minute, and US dollars per day (UTC). Of a budget the worst case is set
 * aside before a model is asked, and what it cost is taken in its place afterwards, so that many requests at once
 * cannot spend it twice. The day's spending comes from the ledger: a restart gives nobody a new budget, nor does another
 * router that writes to the same ledger.
 */
import { decimalOf, type PicoDollars, picoDollarsOf } from "@llm-router/domain/Money"
import { OverLimit } from "@llm-router/domain/RouterError"
import { CostLedger } from "@llm-router/router/CostLedger"
import type { RequestScope } from "@llm-router/router/RequestScope"
import { Watchdog } from "@llm-router/router/Watchdog"
import { Context, Duration, Effect, Layer, Schedule } from "effect"
import { RateLimiter } from "effect/persistence"
import type { KeyedLimit } from "../settingKinds.ts"
import { ServerSettings } from "../ServerSettings.ts"

const dayMillis = 86_400_000
/** When only what others have set aside stands in the way: theirs ends soon. */
const soonMillis = 5_000
/** So much later than they do, other routers' keys are known to have spent. */
const betweenRecalls = Schedule.spaced("5 seconds")

interface Account {
  /** Days since the epoch. */
  day: number
  /** The most that the ledger had of the day beside what was counted here: a file that was moved away gives none back. */
  recalled: PicoDollars
  /** What requests of this router have cost. */
  own: PicoDollars
  /** What those under way have cost so far. */
  readonly underWay: Set<() => PicoDollars>
  reserved: PicoDollars
  /** One is under way of which nobody knows what it may cost: there is one at a time. */
  hasUnknown: boolean
}

const spentOf = ({ own, recalled }: Account): PicoDollars => recalled + own

/** What the ledger has, or will have, of this router's requests. */
const countedOf = ({ own, underWay }: Account): PicoDollars => {
  let cost = own
  for (const spent of underWay) cost += spent()
  return cost
}

/** A request that has its decision: what it may cost, and what it has cost. */
interface Spending {
  /** `undefined` when nobody knows. */
  readonly worstCase: () => PicoDollars | undefined
  readonly spent: () => PicoDollars
}

export class KeyLimits extends Context.Service<
  KeyLimits,
  {
    /** Counts one request of the key. */
    readonly admit: (keyId: string) => Effect.Effect<void, OverLimit>
    /** Nothing is left of the key's budget: what a request is about must cost nothing to find out. */
    readonly isSpent: (keyId: string) => boolean
    /** Sets the worst case aside; with the scope's end, what it really cost is taken instead. */
    readonly reserve: (keyId: string, spending: Spending, scope: RequestScope) => Effect.Effect<void, OverLimit>
  }
>()("@llm-router/server/KeyLimits") {
  static readonly layer = Layer.effect(
    KeyLimits,
    Effect.gen(function* () {
      const { settings } = yield* ServerSettings
      const limiter = yield* RateLimiter.RateLimiter
      const ledger = yield* CostLedger
      const { now } = yield* Watchdog
      const accounts = new Map<string, Account>()
      const today = () => Math.floor(now() / dayMillis)

      const accountOf = (keyId: string): Account => {
        const day = today()
        let account = accounts.get(keyId)
        if (account === undefined) {
          account = { day, recalled: 0n, own: 0n, underWay: new Set(), reserved: 0n, hasUnknown: false }
          // As many as there are keys.
          accounts.set(keyId, account)
        }
        if (account.day !== day) {
          account.day = day
          account.recalled = 0n
          account.own = 0n
        }
        return account
      }

      /** What the ledger has of today, of other routers and of the time before the start too, and what was settled since. */
      const recall = Effect.suspend(() => {
        const day = today()
        const counted = new Map([...accounts.keys()].map((keyId) => [keyId, countedOf(accountOf(keyId))]))
        return Effect.map(ledger.spending(day), (byKey) => {
          if (today() !== day) return
          for (const [keyId, cost] of byKey) {
            const account = accountOf(keyId)
            const others = cost - (counted.get(keyId) ?? 0n)
            if (others > account.recalled) account.recalled = others
          }
        })
      })
      if (settings.budgetUsdPerDay !== undefined) {
        yield* Effect.catch(recall, ({ message }) =>
          Effect.logError(`Today's spending is not known yet, so budgets begin at nothing. ${message}`)
        )
        // /health tells of a ledger in trouble.
        yield* Effect.forkScoped(Effect.schedule(Effect.ignore(recall), betweenRecalls))
      }

      const budgetOf = (keyId: string): PicoDollars | undefined => {
        const limit = limitOf(settings.budgetUsdPerDay, keyId)
        return limit === undefined ? undefined : (picoDollarsOf(limit) ?? 0n)
      }

      return KeyLimits.of({
        admit: (keyId) => {
          const limit = limitOf(settings.rateLimitRequestsPerMinute, keyId)
          if (limit === undefined) return Effect.void
          const counted = limiter.consume({ key: keyId, limit, window: "1 minute", algorithm: "token-bucket" })
          return Effect.catch(Effect.asVoid(counted), ({ reason }) =>
            reason._tag === "RateLimitExceeded"
              ? new OverLimit({
                  code: "rate_limit_exceeded",
                  message: `This key may make ${limit} requests per minute.`,
                  retryAfterMillis: Duration.toMillis(reason.retryAfter)
                })
              : // A store that fails is no fault of the caller's.
                Effect.logWarning(`Requests per minute are not counted now: ${reason.message}`)
          )
        },
        isSpent: (keyId) => {
          const budget = budgetOf(keyId)
          return budget !== undefined && spentOf(accountOf(keyId)) >= budget
        },
        reserve: (keyId, { spent, worstCase }, scope) => {
          const budget = budgetOf(keyId)
          if (budget === undefined) return Effect.void
          return Effect.suspend(() => {
            const account = accountOf(keyId)
            const worst = worstCase()
            const isUnknown = worst === undefined
            const amount = worst ?? 0n
            const isSpent = spentOf(account) + amount > budget || (isUnknown && spentOf(account) >= budget)
            const isFree = spentOf(account) + account.reserved + amount <= budget && !(isUnknown && account.hasUnknown)
            if (!isSpent && isFree) {
              account.reserved += amount
              account.hasUnknown ||= isUnknown
              account.underWay.add(spent)
              scope.add(() => {
                // Of the day that it is by then.
                const settled = accountOf(keyId)
                settled.underWay.delete(spent)
                settled.reserved -= amount
                if (isUnknown) settled.hasUnknown = false
                settled.own += spent()
              })
              return Effect.void
            }
            // A classification that was paid for is spent, whatever becomes of its request.
            account.own += spent()
            const left = budget > spentOf(account) ? budget - spentOf(account) : 0n
            const others = isSpent ? "" : ", which requests under way may need"
            return new OverLimit({
              code: "budget_exceeded",
              message:
                `This key may spend ${decimalOf(budget)} USD per day (UTC); ${decimalOf(left)} USD are left${others}. ` +
                (isUnknown
                  ? "Nobody knows what this request may cost, since its model has no price: such requests go one by one."
                  : `This request may cost ${decimalOf(amount)} USD.`),
              retryAfterMillis: isSpent ? (account.day + 1) * dayMillis - now() : soonMillis
            })
          })
        }
      })
    })
  ).pipe(Layer.provide(RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))))
}

const limitOf = (limits: KeyedLimit | undefined, keyId: string): number | undefined => {
  const own = limits?.byKey.get(keyId)
  return own === "off" ? undefined : (own ?? limits?.everyone)
}
