// What the wire shows of an account: its money, its keys and its logins.
import { z } from "zod";
import { AddressView, Money, Time } from "./fields.ts";

const count = z.int().min(0);
const cursor = z.string().nullable();

export const RegistryLoginView = z.strictObject({
  id: z.string(),
  registry: z.string(),
  username: z.string(),
  created_at: Time,
});
export type RegistryLoginView = z.infer<typeof RegistryLoginView>;

export const BillingView = z.strictObject({
  account: AddressView,
  available: Money,
  available_promotion: Money,
  held: Money,
  spent: Money,
  earned: Money,
});
export type BillingView = z.infer<typeof BillingView>;

export const EntryView = z.strictObject({
  id: z.string(),
  posting_id: z.string(),
  at: Time,
  kind: z.enum(["promotion", "hold", "charge", "release", "refund"]),
  book: z.enum(["available", "held", "earned"]),
  funds: z.enum(["cash", "promotion"]),
  amount: Money,
  job_id: z.string().nullable(),
  description: z.string(),
});
export type EntryView = z.infer<typeof EntryView>;
export const EntriesView = z.strictObject({ entries: z.array(EntryView), count, next_cursor: cursor });

export const SshKeyView = z.strictObject({
  id: z.string(),
  name: z.string(),
  type: z.string(),
  public_key: z.string(),
  fingerprint: z.string(),
  created_at: Time,
});
export type SshKeyView = z.infer<typeof SshKeyView>;

export const ApiKeyView = z.strictObject({
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(["read", "jobs", "providers"])),
  prefix: z.string(),
  created_at: Time,
  last_used_at: Time.nullable(),
});
export type ApiKeyView = z.infer<typeof ApiKeyView>;
