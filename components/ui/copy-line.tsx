// A line to copy. public/console.js does the copying for every [data-copy], so no page needs a client component for it.
interface CopyLineProps {
  readonly text: string;
  readonly label: string;
  readonly prompt?: string;
}

export function CopyLine({ text, label, prompt = "$" }: CopyLineProps) {
  return (
    <div className="flex items-center justify-between gap-3 rounded-std bg-term px-4 py-3 font-mono text-small text-term-ink">
      <code className="min-w-0 text-[1em] [overflow-wrap:anywhere]">
        {prompt && (
          <span className="select-none text-term-mark" aria-hidden="true">
            {prompt}{" "}
          </span>
        )}
        {text}
      </code>
      <button
        type="button"
        data-copy={text}
        aria-label={label}
        className="flex-none rounded-std bg-[#1c2a36] px-2.5 py-1.5 font-sans text-small font-[520] text-term-ink hover:bg-[#293b4a]"
      >
        Copy
      </button>
    </div>
  );
}
