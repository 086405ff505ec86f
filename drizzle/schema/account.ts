// Accounts and what proves that somebody speaks for one: nonces, sessions, keys.
import { sql } from "drizzle-orm";
import { check, index, jsonb, pgTable, text, unique } from "drizzle-orm/pg-core";
import { id, instant, micros } from "./columns.ts";

/** A wallet address with its locked balances. Lower case everywhere. */
export const accounts = pgTable(
  "accounts",
  {
    address: text("address").primaryKey(),
    availableCash: micros("available_cash").notNull().default(sql`0`),
    availablePromotion: micros("available_promotion").notNull().default(sql`0`),
    heldCash: micros("held_cash").notNull().default(sql`0`),
    heldPromotion: micros("held_promotion").notNull().default(sql`0`),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [
    check("accounts_address_lower", sql`${t.address} = lower(${t.address})`),
    check(
      "accounts_balances_positive",
      sql`${t.availableCash} >= 0 and ${t.availablePromotion} >= 0 and ${t.heldCash} >= 0 and ${t.heldPromotion} >= 0`,
    ),
  ],
);

export const nonces = pgTable(
  "nonces",
  {
    nonce: text("nonce").primaryKey(),
    address: text("address").notNull(),
    issuedAt: instant("issued_at").notNull(),
    expiresAt: instant("expires_at").notNull(),
    usedAt: instant("used_at"),
  },
  (t) => [index("nonces_expiry").on(t.expiresAt)],
);

/** A login. The token itself is never stored, only its SHA-256. */
export const sessions = pgTable(
  "sessions",
  {
    tokenHash: text("token_hash").primaryKey(),
    account: text("account")
      .notNull()
      .references(() => accounts.address),
    createdAt: instant("created_at").notNull(),
    expiresAt: instant("expires_at").notNull(),
    revokedAt: instant("revoked_at"),
  },
  (t) => [index("sessions_account").on(t.account)],
);

export const apiKeys = pgTable(
  "api_keys",
  {
    id: id("key")("id").primaryKey(),
    account: text("account")
      .notNull()
      .references(() => accounts.address),
    name: text("name").notNull(),
    keyHash: text("key_hash").notNull().unique(),
    prefix: text("prefix").notNull(),
    scopes: jsonb("scopes").$type<readonly ("read" | "jobs" | "providers")[]>().notNull(),
    createdAt: instant("created_at").notNull(),
    lastUsedAt: instant("last_used_at"),
    revokedAt: instant("revoked_at"),
  },
  (t) => [index("api_keys_account").on(t.account)],
);

export const sshKeys = pgTable(
  "ssh_keys",
  {
    id: id("key")("id").primaryKey(),
    account: text("account")
      .notNull()
      .references(() => accounts.address),
    name: text("name").notNull(),
    type: text("type").notNull(),
    publicKey: text("public_key").notNull(),
    fingerprint: text("fingerprint").notNull(),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [unique("ssh_keys_once").on(t.account, t.fingerprint)],
);

/** Logins to registries of private images: pulls of this account's jobs use what belongs to the image's registry. */
export const registryLogins = pgTable(
  "registry_logins",
  {
    id: id("reg")("id").primaryKey(),
    account: text("account")
      .notNull()
      .references(() => accounts.address),
    /** as image references name it, such as ghcr.io or registry.example:5000; docker.io for images without one */
    registry: text("registry").notNull(),
    username: text("username").notNull(),
    sealedPassword: text("sealed_password").notNull(),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [unique("registry_logins_once").on(t.account, t.registry)],
);

/** Law 8: a transaction that creates or spends opens with an insert here; a twin waits and gets the stored answer. */
export const idempotency = pgTable(
  "idempotency",
  {
    account: text("account").notNull(),
    operation: text("operation").notNull(),
    key: text("key").notNull(),
    requestHash: text("request_hash").notNull(),
    response: jsonb("response"),
    createdAt: instant("created_at").notNull(),
  },
  (t) => [unique("idempotency_once").on(t.account, t.operation, t.key), index("idempotency_age").on(t.createdAt)],
);
