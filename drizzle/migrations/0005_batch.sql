CREATE TABLE "batch_executions" (
	"id" text PRIMARY KEY NOT NULL,
	"job_id" text NOT NULL,
	"provider_id" text NOT NULL,
	"number" integer NOT NULL,
	"owner_group" text NOT NULL,
	"proven" boolean NOT NULL,
	"rate" bigint NOT NULL,
	"status" text NOT NULL,
	"cpu_cores" integer NOT NULL,
	"memory_gb" integer NOT NULL,
	"disk_gb" integer NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"started_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	"deadline_at" timestamp (3) with time zone NOT NULL,
	"run_ms" integer,
	"exit_code" integer,
	"end_cause" text,
	"detail" text DEFAULT '' NOT NULL,
	"digest" text,
	"result_hash" text,
	"vote" text,
	"weight" double precision,
	"paid" bigint DEFAULT 0 NOT NULL,
	"paid_by" text,
	CONSTRAINT "batch_executions_one_a_group" UNIQUE("job_id","owner_group"),
	CONSTRAINT "batch_executions_number" UNIQUE("job_id","number")
);
--> statement-breakpoint
CREATE TABLE "batch_jobs" (
	"id" text PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"purpose" text NOT NULL,
	"about" text,
	"expected_digest" text,
	"anonymous" boolean NOT NULL,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"image" text NOT NULL,
	"command" jsonb NOT NULL,
	"sealed_env" text NOT NULL,
	"env_names" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"input_data" text NOT NULL,
	"cpu_cores" integer NOT NULL,
	"memory_gb" integer NOT NULL,
	"disk_gb" integer NOT NULL,
	"gpu_count" integer NOT NULL,
	"gpu_model" text,
	"redundancy" integer NOT NULL,
	"consensus" integer NOT NULL,
	"assurance" text NOT NULL,
	"dispatch" text NOT NULL,
	"comparator" jsonb NOT NULL,
	"files" jsonb NOT NULL,
	"network" boolean NOT NULL,
	"reusable" boolean NOT NULL,
	"timeout_seconds" integer NOT NULL,
	"queue_timeout_seconds" integer NOT NULL,
	"panel_class" text,
	"rate" bigint NOT NULL,
	"held_cash" bigint NOT NULL,
	"held_promotion" bigint NOT NULL,
	"taken_cash" bigint DEFAULT 0 NOT NULL,
	"taken_promotion" bigint DEFAULT 0 NOT NULL,
	"status" text NOT NULL,
	"reason" text,
	"copies_wanted" integer NOT NULL,
	"waiting_since" timestamp (3) with time zone,
	"tied" boolean DEFAULT false NOT NULL,
	"passed_until" timestamp (3) with time zone,
	"hedged" boolean DEFAULT false NOT NULL,
	"pool_groups" integer,
	"pool_groups_unfiltered" integer,
	"next_look_at" timestamp (3) with time zone,
	"verdict" jsonb,
	"result_execution_id" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	"started_at" timestamp (3) with time zone,
	"decided_at" timestamp (3) with time zone,
	CONSTRAINT "batch_jobs_money" CHECK ("batch_jobs"."rate" >= 0 and "batch_jobs"."held_cash" >= 0 and "batch_jobs"."held_promotion" >= 0 and "batch_jobs"."taken_cash" >= 0 and "batch_jobs"."taken_promotion" >= 0),
	CONSTRAINT "batch_jobs_copies" CHECK ("batch_jobs"."copies_wanted" between 0 and 7)
);
--> statement-breakpoint
CREATE TABLE "batch_results" (
	"execution_id" text PRIMARY KEY NOT NULL,
	"stdout" text NOT NULL,
	"stderr" text NOT NULL,
	"files" jsonb NOT NULL,
	"signature" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "provider_evidence" (
	"provider_id" text PRIMARY KEY NOT NULL,
	"verified" double precision DEFAULT 0 NOT NULL,
	"bad" double precision DEFAULT 0 NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"streak" integer DEFAULT 0 NOT NULL,
	"jobs_run" integer DEFAULT 0 NOT NULL,
	"jobs_good" integer DEFAULT 0 NOT NULL,
	"jobs_failed" integer DEFAULT 0 NOT NULL,
	"errors" integer DEFAULT 0 NOT NULL,
	"resting_until" timestamp (3) with time zone,
	"quarantined_at" timestamp (3) with time zone,
	"quarantine_reason" text DEFAULT '' NOT NULL,
	"recall_after" text
);
--> statement-breakpoint
CREATE TABLE "external_workers" (
	"provider_id" text PRIMARY KEY NOT NULL,
	"owner" text NOT NULL,
	"node_id" text NOT NULL,
	"name" text NOT NULL,
	"region" text NOT NULL,
	"gpu_enabled" boolean NOT NULL,
	"gpu_model" text NOT NULL,
	CONSTRAINT "external_workers_node" UNIQUE("node_id","owner")
);
--> statement-breakpoint
ALTER TABLE "reputation_events" ADD COLUMN "job_id" text;--> statement-breakpoint
ALTER TABLE "batch_executions" ADD CONSTRAINT "batch_executions_job_id_batch_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "public"."batch_jobs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "batch_executions" ADD CONSTRAINT "batch_executions_provider_id_providers_id_fk" FOREIGN KEY ("provider_id") REFERENCES "public"."providers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "batch_jobs" ADD CONSTRAINT "batch_jobs_account_accounts_address_fk" FOREIGN KEY ("account") REFERENCES "public"."accounts"("address") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "batch_results" ADD CONSTRAINT "batch_results_execution_id_batch_executions_id_fk" FOREIGN KEY ("execution_id") REFERENCES "public"."batch_executions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "provider_evidence" ADD CONSTRAINT "provider_evidence_provider_id_providers_id_fk" FOREIGN KEY ("provider_id") REFERENCES "public"."providers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "external_workers" ADD CONSTRAINT "external_workers_provider_id_providers_id_fk" FOREIGN KEY ("provider_id") REFERENCES "public"."providers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "external_workers" ADD CONSTRAINT "external_workers_owner_accounts_address_fk" FOREIGN KEY ("owner") REFERENCES "public"."accounts"("address") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "batch_executions_job" ON "batch_executions" USING btree ("job_id");--> statement-breakpoint
CREATE INDEX "batch_executions_live" ON "batch_executions" USING btree ("provider_id") WHERE status in ('scheduled','running');--> statement-breakpoint
CREATE INDEX "batch_executions_provider" ON "batch_executions" USING btree ("provider_id","id");--> statement-breakpoint
CREATE INDEX "batch_jobs_account" ON "batch_jobs" USING btree ("account","id");--> statement-breakpoint
CREATE INDEX "batch_jobs_undecided" ON "batch_jobs" USING btree ("account") WHERE decided_at is null;--> statement-breakpoint
CREATE INDEX "batch_jobs_due" ON "batch_jobs" USING btree ("next_look_at") WHERE next_look_at is not null;--> statement-breakpoint
CREATE INDEX "batch_jobs_waiting" ON "batch_jobs" USING btree ("account","id") WHERE copies_wanted > 0;--> statement-breakpoint
CREATE INDEX "batch_jobs_about" ON "batch_jobs" USING btree ("about") WHERE about is not null;--> statement-breakpoint
CREATE INDEX "batch_jobs_decided" ON "batch_jobs" USING btree ("decided_at") WHERE decided_at is not null;--> statement-breakpoint
CREATE VIEW "public"."holdings" AS (
  select id as execution_id, provider_id, cpu_cores, memory_gb, disk_gb from executions
  where status in ('scheduled','starting','running','unreachable','stopping')
  union all
  select id, provider_id, cpu_cores, memory_gb, disk_gb from batch_executions where status in ('scheduled','running'));--> statement-breakpoint
-- What sums to zero in each statement sums to zero for ever: one look a statement, at once, in the place of one a row at the end.
CREATE FUNCTION berth_postings_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  unbalanced text;
BEGIN
  SELECT posting_id INTO unbalanced FROM written GROUP BY posting_id, funds HAVING sum(amount) <> 0 LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'posting % does not sum to zero', unbalanced;
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER postings_balanced AFTER INSERT ON entries REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION berth_postings_balanced();
--> statement-breakpoint
DROP TRIGGER entries_balanced ON entries;
--> statement-breakpoint
DROP FUNCTION berth_posting_balanced();
