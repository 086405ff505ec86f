// How often one address, account or provider may ask. Each process counts for itself: a bound, not a bill.
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { AppError } from "../../domain/errors.ts";
import type { Caller } from "./doors.ts";

/** Requests a minute. */
export interface Rates {
  readonly perAddress: number;
  readonly perAccount: number;
  readonly noncesPerAddress: number;
  /** beats, parts of logs and deliveries of results, each by itself: above what an agent allows itself (agent/pace.ts) */
  readonly beatsPerProvider: number;
}

export const RATES: Rates = { perAddress: 600, perAccount: 300, noncesPerAddress: 20, beatsPerProvider: 660 };
/** A demo's agents, pages and tests all come from this machine. */
export const DEMO_RATES: Rates = {
  perAddress: 60_000,
  perAccount: 30_000,
  noncesPerAddress: 6_000,
  beatsPerProvider: 6_000,
};

export interface Limits {
  /** @throws AppError `too-many-requests` each */
  request(caller: Caller): Promise<void>;
  nonce(caller: Caller): Promise<void>;
  account(account: string): Promise<void>;
  /** Beats count for their provider, so that many behind one address do not hinder each other. */
  beat(providerId: string): Promise<void>;
  /** Parts of logs count apart from beats, so that a machine with much to tell stays alive. */
  logs(providerId: string): Promise<void>;
  /** So do deliveries of results: a machine that ends many jobs stays alive, and is not told to wait with what it has. */
  results(providerId: string): Promise<void>;
  /** Whether the address has any request left; takes none. */
  remaining(caller: Caller): Promise<void>;
}

export function createLimits(rates: Rates): Limits {
  const limiter = (name: string, points: number) => new RateLimiterMemory({ keyPrefix: name, points, duration: 60 });
  const addresses = limiter("address", rates.perAddress);
  const nonces = limiter("nonce", rates.noncesPerAddress);
  const accounts = limiter("account", rates.perAccount);
  const providers = limiter("provider", rates.beatsPerProvider);
  const logs = limiter("logs", rates.beatsPerProvider);
  const results = limiter("results", rates.beatsPerProvider);
  return {
    request: ({ address }) => take(addresses, address ?? "unknown"),
    nonce: ({ address }) => take(nonces, address ?? "unknown"),
    account: (account) => take(accounts, account),
    beat: (providerId) => take(providers, providerId),
    logs: (providerId) => take(logs, providerId),
    results: (providerId) => take(results, providerId),
    remaining: async ({ address }) => {
      const state = await addresses.get(address ?? "unknown");
      if (state && state.remainingPoints <= 0) throw tooMany(state.msBeforeNext);
    },
  };
}

async function take(limiter: RateLimiterMemory, key: string): Promise<void> {
  try {
    await limiter.consume(key);
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal;
    throw tooMany(refusal.msBeforeNext);
  }
}

function tooMany(msBeforeNext: number): AppError {
  const retryAfterSeconds = Math.max(1, Math.ceil(msBeforeNext / 1000));
  return new AppError("too-many-requests", `Wait ${retryAfterSeconds} seconds.`, { retryAfterSeconds });
}
