// What a page of an account shows to those who are not logged in.
import { LinkButton } from "../ui/button.tsx";
import { Empty } from "../ui/empty.tsx";
import { LoginButton } from "../wallet/login-button.tsx";
import type { LoginOptions } from "../wallet/options.ts";

interface LoginFirstProps {
  readonly title: string;
  readonly children: string;
  readonly options: LoginOptions;
}

export function LoginFirst({ title, children, options }: LoginFirstProps) {
  return (
    <div className="sheet">
      <Empty
        title={title}
        action={
          <>
            <LoginButton options={options} tone="go">
              Log in with a wallet
            </LoginButton>
            <LinkButton href="/">Look at the market</LinkButton>
          </>
        }
      >
        <p>{children}</p>
      </Empty>
    </div>
  );
}
