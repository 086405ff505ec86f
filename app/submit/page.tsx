// Submit a batch job: a form and job.yaml, the price, and one button.
import { randomUUID } from "node:crypto";
import type { Metadata } from "next";
import { EXAMPLES } from "../../components/batch/examples.ts";
import { jobYaml } from "../../components/batch/job-yaml.ts";
import { submitAgain } from "../../components/batch/submit-again.ts";
import { SubmitForm } from "../../components/batch/submit-form.tsx";
import { Page } from "../../components/shell/page.tsx";
import { isAppError } from "../../domain/errors.ts";
import { isId } from "../../domain/ids.ts";
import { getAnyJob } from "../../server/usecases/job/any-job.ts";
import { searchOffers } from "../../server/usecases/provider/search-offers.ts";
import { deps, loginOptions, principal } from "../context.ts";
import { first, type SearchParams } from "../search-params.ts";
import { estimateAction, submitAction } from "./actions.ts";

export const metadata: Metadata = { title: "Submit a job" };

/** The text to begin with: that of a job of one's own, of an example, or of the first example. */
async function startOf(from: string | undefined, example: string | undefined): Promise<string> {
  const who = from ? await principal() : null;
  if (from && who && isId("job", from)) {
    try {
      const job = await getAnyJob(deps(), who, from);
      if (job.kind === "batch") return jobYaml(submitAgain(job));
    } catch (error) {
      if (!isAppError(error) || error.code !== "not-found") throw error;
    }
  }
  return (EXAMPLES.find(({ slug }) => slug === example) ?? EXAMPLES[0]).yaml;
}

export default async function SubmitPage({ searchParams }: { readonly searchParams: SearchParams }) {
  const params = await searchParams;
  const [yaml, { facets }] = await Promise.all([
    startOf(first(params.from), first(params.example)),
    searchOffers(deps(), { limit: 1 }),
  ]);
  return (
    <Page eyebrow="Batch" title="Submit a job">
      <SubmitForm
        yaml={yaml}
        models={Object.keys(facets.gpu).sort()}
        first={await estimateAction(yaml)}
        idempotencyKey={randomUUID()}
        origin={deps().settings.publicUrl}
        login={loginOptions()}
        submit={submitAction}
        estimate={estimateAction}
      />
    </Page>
  );
}
