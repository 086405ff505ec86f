// Enrol a machine: the commands for it, and every step of it as it comes.
import type { Metadata } from "next";
import { EnrolForm } from "../../../components/provider/enrol-form.tsx";
import { Followed } from "../../../components/provider/followed.tsx";
import { LoginFirst } from "../../../components/shell/login-first.tsx";
import { Page, Panel } from "../../../components/shell/page.tsx";
import { LinkButton } from "../../../components/ui/button.tsx";
import { Live } from "../../../components/ui/live.tsx";
import { followEnrolment } from "../../../server/usecases/provider/follow-enrolment.ts";
import { servesAgent } from "../../agent-file.ts";
import { deps, loginOptions, principal } from "../../context.ts";
import { createTokenAction } from "./actions.ts";

export const metadata: Metadata = { title: "Enrol a machine" };

const EVERY_MS = 2500;

export default async function EnrolPage() {
  const who = await principal();
  if (!who) {
    return (
      <Page eyebrow="Provider" title="Enrol a machine">
        <LoginFirst title="Log in to enrol a machine" options={loginOptions()}>
          What the machine earns goes to the wallet that enrols it, and never moves.
        </LoginFirst>
      </Page>
    );
  }
  const { settings, nodes, clock } = deps();
  const enrolment = await followEnrolment(deps(), who);
  const broker = {
    url: settings.publicUrl,
    demo: settings.demo,
    hasCluster: nodes !== null,
    servesAgent: servesAgent(),
  };
  return (
    <Page eyebrow="Provider" title="Enrol a machine" aside={<LinkButton href="/provider">Your machines</LinkButton>}>
      <Live everyMs={EVERY_MS} />
      <div className="grid items-start gap-5 lg:grid-cols-[minmax(0,1fr)_24rem]">
        <Panel title="The machine">
          <EnrolForm broker={broker} create={createTokenAction} openTokens={enrolment.open_tokens} />
        </Panel>
        <Panel title="What comes" note="live">
          <Followed
            machines={enrolment.machines}
            openTokens={enrolment.open_tokens}
            openUntil={enrolment.open_until}
            now={clock.now().toISOString()}
          />
        </Panel>
      </div>
    </Page>
  );
}
