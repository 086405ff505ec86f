// On every page of a demo: what it is not.
export function DemoBanner() {
  return (
    <aside
      aria-label="Demo"
      className="border-mining border-b bg-mining-wash px-4 py-1.5 text-center text-ink text-small sm:px-6"
    >
      <b className="font-[620]">Demo:</b> no boundary against hostile code; declared GPUs are not real.
    </aside>
  );
}
