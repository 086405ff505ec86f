// The mark: a berth with a hull in it.
export function Mark() {
  return (
    <span className="flex items-center gap-2.5 font-[720] text-[1.0625rem] leading-none tracking-[-0.01em] [font-stretch:115%]">
      <svg
        viewBox="0 0 20 20"
        className="h-5 w-5"
        fill="none"
        stroke="currentColor"
        strokeWidth="2.2"
        aria-hidden="true"
      >
        <path d="M2 4v12M18 4v12M2 16h16" />
        <path d="M7 12V8h6v4z" className="fill-buoy" stroke="none" />
      </svg>
      Berth
    </span>
  );
}
