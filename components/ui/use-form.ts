"use client";
// A form over a server action that keeps what was typed when it is refused: React would empty the fields after it.
import { type FormEvent, startTransition, useActionState } from "react";

type Action<S> = (previous: S, form: FormData) => Promise<S>;

export function useForm<S>(action: Action<Awaited<S>>, untouched: Awaited<S>) {
  const [state, send, pending] = useActionState(action, untouched);
  return {
    state,
    pending,
    form: {
      action: send, // before the script is there
      onSubmit(event: FormEvent<HTMLFormElement>) {
        event.preventDefault();
        const given = new FormData(event.currentTarget);
        startTransition(() => send(given));
      },
    },
  };
}
