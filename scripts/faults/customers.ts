// Customers at full speed: each rents and stops, and asks again with the same key until it is answered.
import { setTimeout as sleep } from "node:timers/promises";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { type BerthClient, berthClient, ProblemError } from "../../protocol/client.ts";
import type { JobView } from "../../protocol/job-views.ts";
import { rentalOf } from "../../protocol/operations/job.ts";
import { signTypedData } from "../up/demo-providers.ts";
import { GPU_MODEL } from "./machine.ts";

const SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsABgH5C9okWi0dh2l9GKJl me@home";
/** No answer for this long is a hang. */
const HANG_MS = 20_000;
const MOST_HELD = 2;
/** Every so many rents come as twins at the same time. */
const TWINS_EVERY = 7;

/** One answer as it came over the wire. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly ms: number;
}

/** What was asked and what was promised, by all customers of a test. */
export class Journal {
  readonly answers: Answer[] = [];
  /** Requests without an answer: the connection broke. */
  broken = 0;
  /** Requests without an answer for so long that nobody waits any more. */
  hung = 0;
  /** Idempotency key to the job ids that were acknowledged with 201 for it. */
  readonly rented = new Map<string, Set<string>>();
  /** Keys whose last answer was a refusal, with its code. */
  readonly refused = new Map<string, string>();
  readonly stopped = new Set<string>();

  get requests(): number {
    return this.answers.length + this.broken + this.hung;
  }

  get jobs(): string[] {
    return [...this.rented.values()].flatMap((ids) => [...ids]);
  }

  failures(): Answer[] {
    return this.answers.filter(({ status }) => status >= 500);
  }

  /** `fetch` that writes down what came back. */
  readonly fetch: typeof fetch = async (input, init) => {
    const sentMs = performance.now();
    try {
      const response = await fetch(input, { ...init, signal: AbortSignal.timeout(HANG_MS) });
      const contentType = response.headers.get("content-type") ?? "";
      this.answers.push({ status: response.status, contentType, ms: performance.now() - sentMs });
      return response;
    } catch (error) {
      if (performance.now() - sentMs >= HANG_MS) this.hung += 1;
      else this.broken += 1;
      throw error;
    }
  };
}

export interface Customer {
  readonly account: string;
  readonly token: string;
  readonly client: BerthClient;
  readonly journal: Journal;
}

/** Logs a new wallet in; in a demo that comes with $25. */
export async function newCustomer(url: string, journal: Journal): Promise<Customer> {
  const key = generatePrivateKey();
  const stranger = berthClient({ baseUrl: url });
  const { address, nonce, typed_data } = await stranger.createNonce({
    body: { address: privateKeyToAccount(key).address },
  });
  const signature = await signTypedData(key, typed_data);
  const { token, account } = await stranger.login({ body: { address, nonce, signature } });
  return { account, token, journal, client: berthClient({ baseUrl: url, token, fetch: journal.fetch }) };
}

/**
 * Rents once: a job named after its key, so that the database tells how many a key made. One request, no retry.
 * @param image where it runs in one
 */
export function rent({ client }: Customer, key: string, gpuCount: number, image?: string) {
  return client.createJob({
    idempotencyKey: key,
    body: {
      ...{ kind: "rental", name: key, gpu_count: gpuCount, ...(gpuCount > 0 ? { gpu_type: GPU_MODEL } : {}) },
      ...{ cpu_cores: 1, memory_gb: 1, storage_gb: 1, duration_hours: 1, ssh_public_key: SSH_KEY },
      ...(image === undefined ? {} : { image }),
    },
  });
}

/** Asks until there is an answer that is neither a broken connection nor "try again". */
export async function insist<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof ProblemError && error.problem.status < 500 && !error.is("too-many-requests")) throw error;
      await sleep(100);
    }
  }
}

/** Rents until it is told yes or no, and writes down which. @returns the job's id, or undefined where refused */
export async function insistOnRenting(
  customer: Customer,
  key: string,
  gpuCount: number,
  image?: string,
): Promise<string | undefined> {
  const { rented, refused } = customer.journal;
  try {
    const { id } = await insist(() => rent(customer, key, gpuCount, image));
    rented.set(key, (rented.get(key) ?? new Set()).add(id));
    return id;
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    refused.set(key, error.problem.code);
    return undefined;
  }
}

export async function insistOnStopping({ client, journal }: Customer, id: string): Promise<void> {
  await insist(() => client.stopJob({ params: { id } }));
  journal.stopped.add(id);
}

/** Rents CPU and GPU in turns and stops again, until `over`; what it still holds then stays. */
export async function keepRenting(customer: Customer, name: string, over: AbortSignal): Promise<void> {
  const held: string[] = [];
  for (let n = 0; !over.aborted; n++) {
    const key = `${name}-${n}`;
    const asks = n % TWINS_EVERY === 0 ? 2 : 1;
    const [id] = await Promise.all(Array.from({ length: asks }, () => insistOnRenting(customer, key, n % 2)));
    if (id) held.push(id);
    const oldest = held.length > n % (MOST_HELD + 1) ? held.shift() : undefined;
    if (oldest) await insistOnStopping(customer, oldest);
  }
}

/** All jobs of a customer, as the customer sees them. */
export async function jobsOf({ client }: Customer): Promise<JobView[]> {
  const jobs: JobView[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const query = { limit: "100", ...(cursor === undefined ? {} : { cursor }) };
    const page = await insist(() => client.listJobs({ query }));
    jobs.push(...page.jobs.map(rentalOf));
    cursor = page.next_cursor;
  }
  return jobs;
}

/** Stops everything that these customers still have. */
export async function stopAll(customers: readonly Customer[]): Promise<void> {
  for (const customer of customers) {
    for (const { id, status } of await jobsOf(customer)) {
      if (status === "pending" || status === "running") await insistOnStopping(customer, id);
    }
  }
}
