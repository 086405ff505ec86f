// The web terminal: GET /api/v1/jobs/:id/terminal as a WebSocket. Who may not have one is told so in plain HTTP.
import { WebSocketServer } from "ws";
import { AppError } from "../../domain/errors.ts";
import { MAX_FRAME_BYTES, TerminalParams, TerminalQuery } from "../../protocol/terminal.ts";
import type { Deps } from "../deps.ts";
import { reachJob } from "../usecases/job/whereabouts.ts";
import type { Dispatcher } from "./dispatch.ts";
import { headerOf, pathOfTarget } from "./message.ts";
import { wireRequestOf } from "./node-http.ts";
import { parseQuery, parseWith } from "./parse.ts";
import { TERMINAL_LAWS, type TerminalLaws } from "./terminal/laws.ts";
import { Shells, type Visit } from "./terminal/shells.ts";
import { answerUpgrade, refuseUpgrade, type Upgrade } from "./upgrades.ts";

const PATH = /^\/api\/v1\/jobs\/([^/]+)\/terminal$/;
const NO_LISTS: ReadonlySet<string> = new Set();

export interface Terminals {
  readonly upgrade: Upgrade;
  /** Tells every browser that the process stops, and ends all shells. */
  stop(): void;
}

export function createTerminals(
  deps: Deps,
  dispatcher: Pick<Dispatcher, "admitUpgrade">,
  laws: TerminalLaws = TERMINAL_LAWS,
): Terminals {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    perMessageDeflate: false,
    clientTracking: false,
  });
  const notOne = () => new AppError("bad-request", "This is no WebSocket handshake of version 13.");
  sockets.on("wsClientError", (_error, socket) => refuseUpgrade(socket, notOne()));
  const shells = new Shells(deps, laws);

  return {
    async upgrade(request, socket, head, signal) {
      const target = request.url ?? "/";
      const id = PATH.exec(pathOfTarget(target))?.[1];
      if (id === undefined) return false;
      const asked = await dispatcher.admitUpgrade(
        wireRequestOf(request, signal),
        "jobs",
        async (who): Promise<Visit> => {
          if (headerOf(request.headers, "upgrade")?.toLowerCase() !== "websocket") throw notOne();
          const query = parseWith(TerminalQuery, parseQuery(target, NO_LISTS));
          const reached = await reachJob(deps, who.principal, parseWith(TerminalParams, { id }).id);
          return { who, reached, query };
        },
      );
      if ("refusal" in asked) answerUpgrade(socket, asked.refusal);
      else sockets.handleUpgrade(request, socket, head, (ws) => void shells.open(ws, asked.admitted));
      return true;
    },
    stop: () => shells.stop(),
  };
}
