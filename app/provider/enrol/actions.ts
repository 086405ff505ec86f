"use server";
// Makes the token that enrols one machine.
import { refresh } from "next/cache";
import type { TokenState } from "../../../components/provider/enrol-form.tsx";
import { requireScope } from "../../../domain/account/principal.ts";
import { createEnrolmentToken } from "../../../server/usecases/provider/create-enrolment-token.ts";
import { deps, requirePrincipal } from "../../context.ts";
import { attempt } from "../../refusals.ts";

export async function createTokenAction(previous: TokenState): Promise<TokenState> {
  let made: { token: string; expiresAt: Date } | null = null;
  const state = await attempt(previous, async () => {
    const who = await requirePrincipal();
    requireScope(who, "wallet");
    made = await createEnrolmentToken(deps(), who);
    return made;
  });
  refresh();
  return { ...state, ...shown(made) };
}

function shown(made: { token: string; expiresAt: Date } | null) {
  return { token: made?.token ?? null, expiresAt: made?.expiresAt.toISOString() ?? null };
}
