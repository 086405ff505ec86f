"use client";
// Opens the login. The wallet code is loaded only when it is asked for, so public pages stay light.
import dynamic from "next/dynamic";
import { type ReactNode, useState } from "react";
import { Button, type Tone } from "../ui/button.tsx";
import type { LoginOptions } from "./options.ts";

export const LazyLogin = dynamic(() => import("./login-dialog.tsx").then((module) => module.LoginDialog), {
  ssr: false,
});

interface LoginButtonProps {
  readonly options: LoginOptions;
  readonly tone?: Tone;
  readonly small?: boolean;
  readonly children?: ReactNode;
}

export function LoginButton({ options, tone = "plain", small = false, children = "Log in" }: LoginButtonProps) {
  const [open, setOpen] = useState(false);
  const [asked, setAsked] = useState(false);
  return (
    <>
      <Button
        tone={tone}
        small={small}
        aria-haspopup="dialog"
        onClick={() => {
          setAsked(true);
          setOpen(true);
        }}
      >
        {children}
      </Button>
      {asked && <LazyLogin options={options} open={open} onOpenChange={setOpen} />}
    </>
  );
}
