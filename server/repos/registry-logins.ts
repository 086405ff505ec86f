// An account's logins to registries of private images.
import { and, asc, eq } from "drizzle-orm";
import type { RegistryLoginId } from "../../domain/ids.ts";
import { registryLogins } from "../../drizzle/schema/account.ts";
import type { Db, Tx } from "../deps.ts";

export type RegistryLoginRow = typeof registryLogins.$inferSelect;

/** As much of it as a pull needs. */
export type SealedLogin = Pick<RegistryLoginRow, "registry" | "username" | "sealedPassword">;

/** @returns false where the account has one for this registry already */
export async function insertRegistryLogin(tx: Tx, row: RegistryLoginRow): Promise<boolean> {
  const inserted = await tx
    .insert(registryLogins)
    .values(row)
    .onConflictDoNothing()
    .returning({ id: registryLogins.id });
  return inserted.length > 0;
}

/** By the name of the registry. */
export function registryLoginsOf(db: Db | Tx, account: string): Promise<RegistryLoginRow[]> {
  return db
    .select()
    .from(registryLogins)
    .where(eq(registryLogins.account, account))
    .orderBy(asc(registryLogins.registry));
}

export async function registryLoginFor(db: Db, account: string, registry: string): Promise<RegistryLoginRow | null> {
  const [row] = await db
    .select()
    .from(registryLogins)
    .where(and(eq(registryLogins.account, account), eq(registryLogins.registry, registry)));
  return row ?? null;
}

/** @returns false where the account has no such login */
export async function deleteRegistryLogin(db: Db, account: string, id: RegistryLoginId): Promise<boolean> {
  const deleted = await db
    .delete(registryLogins)
    .where(and(eq(registryLogins.id, id), eq(registryLogins.account, account)))
    .returning({ id: registryLogins.id });
  return deleted.length > 0;
}
