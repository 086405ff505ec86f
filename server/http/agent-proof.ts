// Whether a signed call is of the machine that its path names, and how often that machine may call.
import { z } from "zod";
import { AppError } from "../../domain/errors.ts";
import { idField } from "../../protocol/fields.ts";
import type { OperationName } from "../../protocol/operations.ts";
import type { Deps } from "../deps.ts";
import { createAgentKeys } from "./agent-keys.ts";
import { verifyAgent } from "./agent-signature.ts";
import type { Caller } from "./doors.ts";
import type { Limits } from "./limits.ts";
import type { WireRequest } from "./message.ts";
import { parseJson, parseWith, readBody } from "./parse.ts";

/** What every path of a signed agent names. */
const OF_A_PROVIDER = z.object({ id: idField("prov") });

export function createAgentProof(deps: Pick<Deps, "db" | "clock">, limits: Limits) {
  const keyOf = createAgentKeys(deps.db);

  /**
   * Proves that the machine which the path names sent this very body. Whether it is still welcome is its use case's to say.
   * @returns what the body says
   */
  return async function proveAgent(
    name: OperationName,
    request: WireRequest,
    caller: Caller,
    params: Readonly<Record<string, string>>,
  ) {
    await limits.remaining(caller);
    try {
      const { id } = parseWith(OF_A_PROVIDER, params);
      const key = await keyOf(id);
      if (!key) throw new AppError("not-found", "the provider does not exist");
      const raw = await readBody(request.body, request.headers);
      const sequence = verifyAgent(request, raw, key, deps.clock.now());
      const said = parseJson(raw, request.headers);
      refuseOtherSequence(said, sequence);
      const ofItsKind = name === "reportLogs" ? limits.logs : name === "reportResults" ? limits.results : limits.beat;
      await ofItsKind(id);
      return said;
    } catch (error) {
      await limits.request(caller); // what is not signed counts for where it came from
      throw error;
    }
  };
}

/** The number that is signed is the number that counts. @throws AppError `bad-signature` */
function refuseOtherSequence(body: unknown, sequence: number): void {
  const said = typeof body === "object" && body !== null && "seq" in body ? body.seq : undefined;
  if (said !== sequence) throw new AppError("bad-signature", "The signed sequence is not the body's seq.");
}
