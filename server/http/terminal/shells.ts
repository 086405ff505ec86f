// The shells of this process: who may have one more, who comes back to theirs, and what ends them all.
import type { WebSocket } from "ws";
import type { TerminalQuery } from "../../../protocol/terminal.ts";
import type { Deps, Session } from "../../deps.ts";
import { openTerminal, terminalEnd } from "../../usecases/job/open-terminal.ts";
import type { Reached } from "../../usecases/job/whereabouts.ts";
import type { Identity } from "../identify.ts";
import { toAppError } from "../problem.ts";
import { Browser, CLOSE, type Refusal } from "./browser.ts";
import type { TerminalLaws } from "./laws.ts";
import { Shell } from "./shell.ts";

/** Who asks for a terminal, of which job, and how. */
export interface Visit {
  readonly who: Identity;
  readonly reached: Reached;
  readonly query: TerminalQuery;
}

/** A place that counts against the limits: of a shell, or of one that is being opened. */
interface Place {
  readonly account: string;
  readonly jobId: Reached["row"]["job"]["id"];
  /** of whoever came last */
  token: string | null;
  shell: Shell | null;
  /** fires when it is over, and when the process stops */
  readonly end: AbortController;
}

const RESTART: Refusal = {
  code: "unavailable",
  detail: "This broker restarts; what ran in the terminal is over.",
  retry: true,
  close: CLOSE.restart,
};
const ID_BYTES = 24;

export class Shells {
  readonly #deps: Deps;
  readonly #laws: TerminalLaws;
  readonly #places = new Set<Place>();
  #stopped = false;

  constructor(deps: Deps, laws: TerminalLaws) {
    this.#deps = deps;
    this.#laws = laws;
  }

  /** Gives a connection its shell: the one it had, or a new one. */
  async open(ws: WebSocket, { who, reached, query }: Visit): Promise<void> {
    const browser = new Browser(ws, this.#laws.pingMs);
    if (this.#stopped) return void browser.refuse(RESTART);
    const { account } = who.principal;
    const jobId = reached.row.job.id;
    const received = query.received ?? null;
    const had = query.session === undefined ? null : this.#find(query.session, account, jobId);
    if (had?.shell) {
      had.token = who.token;
      return void had.shell.attach(browser, query, received, true);
    }
    const refusal = this.#makeRoom(account);
    if (refusal) return void browser.refuse(refusal);
    const place: Place = { account, jobId, token: who.token, shell: null, end: new AbortController() };
    this.#places.add(place);
    try {
      const session = await openTerminal(this.#deps, reached, query, place.end.signal);
      if (place.end.signal.aborted) {
        session.close();
        throw new Error("the process stops");
      }
      this.#keep(place, session).attach(browser, query, null, false);
    } catch (error) {
      this.#places.delete(place);
      browser.refuse(this.#stopped ? RESTART : this.#refusalOf(error, jobId));
    }
  }

  /** Ends them all, and opens none any more. */
  stop(): void {
    this.#stopped = true;
    for (const { shell, end } of this.#places) {
      shell?.end(RESTART);
      end.abort();
    }
  }

  #find(id: string, account: string, jobId: string): Place | null {
    const found = [...this.#places].find((place) => place.shell?.id === id);
    return found?.account === account && found.jobId === jobId ? found : null;
  }

  /** A shell that nobody looks at makes room for one that somebody wants. */
  #makeRoom(account: string): Refusal | null {
    const { perAccount, perProcess } = this.#laws;
    const own = [...this.#places].filter((place) => place.account === account);
    const detail =
      own.length >= perAccount
        ? `An account has at most ${perAccount} terminals open at a time. Close one of them first.`
        : this.#places.size >= perProcess
          ? `This broker has ${perProcess} terminals open, as many as it can. Try again later, or use ssh.`
          : null;
    if (detail === null) return null;
    const unattended = own.find(({ shell }) => shell && !shell.attended)?.shell;
    if (!unattended) return { code: "limit-reached", detail, retry: false, close: CLOSE.later };
    unattended.end(RESTART);
    return null;
  }

  #keep(place: Place, session: Session): Shell {
    const { ids, wakes, log } = this.#deps;
    const check = () => void this.#check(place);
    const asking = setInterval(check, this.#laws.checkMs);
    const deaf = wakes.subscribe(place.jobId, check);
    const shell = new Shell(ids.secret(ID_BYTES), session, this.#laws, {
      whyBroken: () => this.#whyBroken(place),
      over: () => {
        clearInterval(asking);
        deaf();
        this.#places.delete(place);
        log.info({ job: place.jobId, account: place.account }, "a terminal ended");
      },
    });
    place.shell = shell;
    log.info({ job: place.jobId, account: place.account }, "a terminal was opened");
    return shell;
  }

  async #check(place: Place): Promise<void> {
    const end = await this.#mustEnd(place);
    if (end) place.shell?.end(end);
  }

  /** @returns null where it may go on, and while nobody can say: a database that is away ends no terminal */
  async #mustEnd(place: Place): Promise<Refusal | null> {
    const end = await terminalEnd(this.#deps, place, place.jobId).catch(() => null);
    if (!end) return null;
    return { ...end, retry: false, close: end.code === "unauthenticated" ? CLOSE.policy : CLOSE.done };
  }

  async #whyBroken(place: Place): Promise<Refusal> {
    const detail = "The connection to the machine broke; what ran in the terminal is over.";
    return (await this.#mustEnd(place)) ?? { code: "unavailable", detail, retry: true, close: CLOSE.later };
  }

  #refusalOf(error: unknown, job: string): Refusal {
    const { code, detail } = toAppError(error);
    if (code === "internal") this.#deps.log.error({ job, err: error }, "a terminal could not be opened");
    return { code, detail, retry: code === "unavailable", close: code === "internal" ? CLOSE.internal : CLOSE.later };
  }
}
