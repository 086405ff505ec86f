"use client";
// A page that failed on our side. The digest finds it in the log; nothing more is told.
import { Button } from "../components/ui/button.tsx";
import { Empty } from "../components/ui/empty.tsx";

interface ErrorProps {
  readonly error: Error & { readonly digest?: string };
  readonly reset: () => void;
}

export default function PageError({ error, reset }: ErrorProps) {
  return (
    <div className="sheet" role="alert">
      <Empty wholePage title="Something failed on our side" action={<Button onClick={reset}>Try again</Button>}>
        <p>Running rentals are not touched by this.</p>
        {error.digest && (
          <p>
            Reference <span className="num">{error.digest}</span>
          </p>
        )}
      </Empty>
    </div>
  );
}
