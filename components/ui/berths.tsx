// One box, one GPU. The boxes are a picture with its counts as text; the state reads from the fill, not the hue.
import { clsx } from "clsx";

export type BerthState = "free" | "use" | "mining" | "off";

const WORDS: Readonly<Record<BerthState, string>> = {
  free: "free",
  use: "in use",
  mining: "mining",
  off: "out of reach",
};
const ORDER = ["free", "use", "mining", "off"] as const satisfies readonly BerthState[];

/** More boxes than this say nothing at a glance; the count does. */
const MOST = 32;

type BerthCounts = Readonly<Record<BerthState, number>>;

export function Berths({ counts }: { readonly counts: BerthCounts }) {
  const said = ORDER.filter((state) => counts[state] > 0).map((state) => `${counts[state]} ${WORDS[state]}`);
  const boxes = ORDER.flatMap((state) =>
    Array.from({ length: counts[state] }, (_, at) => ({ key: `${state}${at}`, state })),
  );
  return (
    <span className="berths" role="img" aria-label={said.length > 0 ? said.join(", ") : "no GPU"}>
      {boxes.slice(0, MOST).map(({ key, state }) => (
        <span key={key} className={clsx("berth", `berth-${state}`)} />
      ))}
      {boxes.length > MOST && <span className="num text-small text-ink-3">+{boxes.length - MOST}</span>}
    </span>
  );
}

/** @param mining whether any GPU that is shown is mining: what cannot be seen needs no explanation */
export function BerthLegend({ mining }: { readonly mining: boolean }) {
  return (
    <p className="mt-3 flex flex-wrap items-center gap-x-4 gap-y-1 text-small text-ink-3">
      <span>Each small box is one GPU:</span>
      {ORDER.filter((state) => mining || state !== "mining").map((state) => (
        <span key={state} className="inline-flex items-center gap-1.5">
          <span aria-hidden="true" className={clsx("berth", `berth-${state}`)} />
          {WORDS[state]}
          {state === "mining" && " and yours on demand"}
        </span>
      ))}
    </p>
  );
}
