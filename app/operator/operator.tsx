// Who may see the operators' pages; everybody else is told why not and what would help.
import type { ReactNode } from "react";
import type { Decisions } from "../../components/operator/decide.tsx";
import { OperatorsOnly } from "../../components/operator/frame.tsx";
import { LoginFirst } from "../../components/shell/login-first.tsx";
import { Page } from "../../components/shell/page.tsx";
import type { Principal } from "../../domain/account/principal.ts";
import { deps, loginOptions, principal } from "../context.ts";
import { approveAction, rejectAction, suspendAction } from "./actions.ts";

/** Renders a page for an operator. The use cases it asks refuse anybody else on their own. */
export async function forOperator(render: (operator: Principal) => Promise<ReactNode>): Promise<ReactNode> {
  const who = await principal();
  if (!who) {
    return (
      <Page eyebrow="Operator" title="For operators only">
        <LoginFirst title="Log in with an operator's wallet" options={loginOptions()}>
          Operators admit machines, stop those that must not go on, and answer appeals.
        </LoginFirst>
      </Page>
    );
  }
  const operates = who.scopes.includes("wallet") && deps().settings.operators.includes(who.account);
  return operates ? render(who) : <OperatorsOnly account={who.account} />;
}

export function decisionsOf(id: string): Decisions {
  return {
    approve: approveAction.bind(null, id),
    reject: rejectAction.bind(null, id),
    suspend: suspendAction.bind(null, id),
  };
}
