// The keys, in a dialog of the browser's own; public/console.js opens it.
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
      <dl className="facts">
        {KEYS.map(([keys, words]) => (
          <div key={words} className="contents">
            <dt>{words}</dt>
            <dd className="flex justify-end gap-1">
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      <form method="dialog" className="mt-4 text-right">
        <button type="submit" className="button button-small">
          Close
        </button>
      </form>
    </dialog>
  );
}
