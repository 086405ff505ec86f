// The keys, in a dialog of the browser's own; public/console.js opens it.
import { Fact, Facts } from "../ui/facts.tsx";

const KEYS = [
  [["G", "M"], "Market"],
  [["G", "J"], "Jobs"],
  [["G", "P"], "Provider"],
  [["G", "B"], "Billing"],
  [["G", "S"], "Submit a job"],
  [["G", "N"], "Network"],
  [["G", "E"], "Settings"],
  [["G", "O"], "Operator"],
  [["/"], "Search the market"],
  [["?"], "This help"],
  [["Esc"], "Close a dialog"],
] as const;

export function Help() {
  return (
    <dialog id="help" className="dialog" aria-labelledby="help-title">
      <h2 id="help-title" className="mb-3 text-lead">
        Keys
      </h2>
      <Facts>
        {KEYS.map(([keys, words]) => (
          <Fact key={words} name={words} className="flex justify-end gap-1">
            {keys.map((key) => (
              <kbd key={key}>{key}</kbd>
            ))}
          </Fact>
        ))}
      </Facts>
      <form method="dialog" className="mt-4 text-right">
        <button type="submit" className="button button-small">
          Close
        </button>
      </form>
    </dialog>
  );
}
