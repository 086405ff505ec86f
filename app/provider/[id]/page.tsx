// One machine: what it does, what it earns, what its owner can do, and what happened to it.
import { randomUUID } from "node:crypto";
import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { DrainButton } from "../../../components/provider/drain-button.tsx";
import { EarningsPanel } from "../../../components/provider/earnings-panel.tsx";
import { EventsPanel } from "../../../components/provider/events-panel.tsx";
import { Steps } from "../../../components/provider/followed.tsx";
import { GpuList, RunsThere } from "../../../components/provider/gpu-list.tsx";
import { Capacity, MachinePanel, PricePanel } from "../../../components/provider/machine-facts.tsx";
import { MachineStatus } from "../../../components/provider/machines-table.tsx";
import { MaintenancePanel } from "../../../components/provider/maintenance-panel.tsx";
import { NodePanel } from "../../../components/provider/node-panel.tsx";
import { PriceDialog } from "../../../components/provider/price-dialog.tsx";
import { RemoveDialog } from "../../../components/provider/remove-dialog.tsx";
import { ReputationPanel } from "../../../components/provider/reputation-panel.tsx";
import { UptimePanel } from "../../../components/provider/uptime-panel.tsx";
import { UsageChart } from "../../../components/provider/usage-chart.tsx";
import { LoginFirst } from "../../../components/shell/login-first.tsx";
import { Page, Panel } from "../../../components/shell/page.tsx";
import { LinkButton } from "../../../components/ui/button.tsx";
import { Live } from "../../../components/ui/live.tsx";
import { Notice } from "../../../components/ui/notice.tsx";
import type { Principal } from "../../../domain/account/principal.ts";
import { isAppError } from "../../../domain/errors.ts";
import { isId, type ProviderId } from "../../../domain/ids.ts";
import type { OwnProviderView } from "../../../protocol/provider-views.ts";
import { lastDaysEarned, listEarnings } from "../../../server/usecases/provider/earnings.ts";
import { getOwnProvider } from "../../../server/usecases/provider/get-own-provider.ts";
import { listProviderEvents } from "../../../server/usecases/provider/list-provider-events.ts";
import { listReputation } from "../../../server/usecases/provider/list-reputation.ts";
import { listSamples } from "../../../server/usecases/provider/list-samples.ts";
import { deps, loginOptions, principal } from "../../context.ts";
import { listAt } from "../../list-at.ts";
import { first, hrefOf, type SearchParams } from "../../search-params.ts";
import {
  announceAction,
  appealAction,
  cancelAction,
  drainAction,
  priceAction,
  removeAction,
  renewAction,
} from "./actions.ts";

export const metadata: Metadata = { title: "Machine" };

const EVERY_MS = 4000;
const USAGE_MINUTES = 180;
const EARNING_DAYS = 30;

interface MachinePageProps {
  readonly params: Promise<{ readonly id: string }>;
  readonly searchParams: SearchParams;
}

/** Three lists on one page: where each of them is, by the name of its part of the address. */
interface Places {
  readonly cursor: string | undefined;
  readonly earnings: string | undefined;
  readonly ledger: string | undefined;
}

async function readMachine(who: Principal, id: ProviderId, at: Places) {
  return Promise.all([
    getOwnProvider(deps(), who, id),
    listAt(at.cursor, (cursor) => listProviderEvents(deps(), who, id, { cursor })),
    listAt(at.ledger, (cursor) => listReputation(deps(), id, { cursor })),
    listSamples(deps(), who, id, { minutes: USAGE_MINUTES }),
    lastDaysEarned(deps(), who, id, EARNING_DAYS),
    listAt(at.earnings, (cursor) => listEarnings(deps(), who, id, { cursor })),
  ]).catch((error: unknown) => {
    if (isAppError(error) && error.code === "not-found") notFound();
    throw error;
  });
}

/** Removed machines are history: nothing can be done to them. */
function Actions({ machine }: { readonly machine: OwnProviderView }) {
  if (machine.admission === "removed") return null;
  return (
    <>
      {machine.admission === "approved" && (
        <DrainButton draining={machine.drain === "draining"} action={drainAction.bind(null, machine.id)} />
      )}
      <RemoveDialog name={machine.name} action={removeAction.bind(null, machine.id)} />
    </>
  );
}

export default async function MachinePage({ params, searchParams }: MachinePageProps) {
  const [{ id }, query, who] = await Promise.all([params, searchParams, principal()]);
  if (!isId("prov", id)) notFound();
  if (!who) {
    return (
      <Page eyebrow="Provider" title="A machine">
        <LoginFirst title="Log in to see this machine" options={loginOptions()}>
          Machines belong to the wallet that enrolled them.
        </LoginFirst>
      </Page>
    );
  }
  const at: Places = { cursor: first(query.cursor), earnings: first(query.earnings), ledger: first(query.ledger) };
  const [machine, happened, ledger, { samples }, last, earned] = await readMachine(who, id, at);
  const turned = (to: Partial<Record<keyof Places, string | null>>) => hrefOf(`/provider/${id}`, { ...at, ...to });
  const now = deps().clock.now().toISOString();
  const there = machine.admission !== "removed";
  const working = machine.status === "available" || machine.status === "draining";
  const [worst, ...others] = machine.notices;
  const bad = machine.status === "offline" || machine.status === "suspended" || machine.status === "rejected";
  return (
    <Page
      eyebrow={
        <>
          {machine.owner === who.account ? "Your machine" : "Machine"} ·{" "}
          <span className="normal-case [overflow-wrap:anywhere]">{machine.id}</span>
        </>
      }
      title={
        <>
          {machine.name} <MachineStatus machine={machine} now={now} />
        </>
      }
      aside={
        <>
          <LinkButton href="/provider">All machines</LinkButton>
          <Actions machine={machine} />
        </>
      }
    >
      {there && <Live everyMs={EVERY_MS} />}
      {worst && (
        <Notice tone={bad ? "bad" : working && machine.drain === "none" ? "plain" : "wait"}>
          {[worst, ...others].map((notice) => (
            <p key={notice}>{notice}</p>
          ))}
        </Notice>
      )}
      <Capacity machine={machine} />
      <div className="grid items-start gap-5 lg:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="grid min-w-0 gap-5">
          {there && !working && machine.status !== "offline" && (
            <Panel title="On its way">
              <Steps machine={machine} />
            </Panel>
          )}
          <RunsThere machine={machine} />
          <UsageChart samples={samples} minutes={USAGE_MINUTES} now={now} hasGpus={machine.gpu_list.length > 0} />
          <GpuList machine={machine} />
          <UptimePanel machine={machine} now={now} />
          <EventsPanel
            events={happened.events}
            owner={machine.owner}
            firstHref={happened.onFirst ? null : turned({ cursor: null })}
            nextHref={happened.next_cursor ? turned({ cursor: happened.next_cursor }) : null}
          />
        </div>
        <div className="grid min-w-0 gap-5">
          <EarningsPanel
            earned={machine.earned}
            earnedPromotion={machine.earned_promotion}
            last={last}
            days={earned.days}
            firstHref={earned.onFirst ? null : turned({ earnings: null })}
            nextHref={earned.next_cursor ? turned({ earnings: earned.next_cursor }) : null}
          />
          {machine.node && <NodePanel node={machine.node} renew={renewAction.bind(null, machine.id)} />}
          <PricePanel machine={machine}>
            {there && (
              <PriceDialog
                action={priceAction.bind(null, machine.id)}
                perGpuHour={machine.price_per_gpu_hour}
                perCpuHour={machine.price_per_cpu_hour}
              />
            )}
          </PricePanel>
          {there && (
            <MaintenancePanel
              windows={machine.maintenance}
              announce={announceAction.bind(null, machine.id)}
              cancel={cancelAction.bind(null, machine.id)}
              idempotencyKey={randomUUID()}
            />
          )}
          <ReputationPanel
            reputation={ledger.reputation}
            events={ledger.events}
            firstHref={ledger.onFirst ? null : turned({ ledger: null })}
            nextHref={ledger.next_cursor ? turned({ ledger: ledger.next_cursor }) : null}
            appeal={machine.owner === who.account ? appealAction.bind(null, machine.id) : null}
          />
          <MachinePanel machine={machine} now={now} />
        </div>
      </div>
    </Page>
  );
}
