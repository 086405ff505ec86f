CREATE TABLE "accounts" (
	"address" text PRIMARY KEY NOT NULL,
	"available_cash" bigint DEFAULT 0 NOT NULL,
	"available_promotion" bigint DEFAULT 0 NOT NULL,
	"held_cash" bigint DEFAULT 0 NOT NULL,
	"held_promotion" bigint DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "accounts_address_lower" CHECK ("accounts"."address" = lower("accounts"."address")),
	CONSTRAINT "accounts_balances_positive" CHECK ("accounts"."available_cash" >= 0 and "accounts"."available_promotion" >= 0 and "accounts"."held_cash" >= 0 and "accounts"."held_promotion" >= 0)
);
--> statement-breakpoint
CREATE TABLE "api_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"name" text NOT NULL,
	"key_hash" text NOT NULL,
	"prefix" text NOT NULL,
	"scopes" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"last_used_at" timestamp (3) with time zone,
	"revoked_at" timestamp (3) with time zone,
	CONSTRAINT "api_keys_key_hash_unique" UNIQUE("key_hash")
);
--> statement-breakpoint
CREATE TABLE "idempotency" (
	"account" text NOT NULL,
	"operation" text NOT NULL,
	"key" text NOT NULL,
	"request_hash" text NOT NULL,
	"response" jsonb,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "idempotency_once" UNIQUE("account","operation","key")
);
--> statement-breakpoint
CREATE TABLE "nonces" (
	"nonce" text PRIMARY KEY NOT NULL,
	"address" text NOT NULL,
	"issued_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"used_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"token_hash" text PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"revoked_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "ssh_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"name" text NOT NULL,
	"type" text NOT NULL,
	"public_key" text NOT NULL,
	"fingerprint" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "ssh_keys_once" UNIQUE("account","fingerprint")
);
--> statement-breakpoint
CREATE TABLE "events" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "events_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"subject" text NOT NULL,
	"code" text NOT NULL,
	"message" text NOT NULL,
	"data" jsonb NOT NULL,
	"at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "workers" (
	"name" text PRIMARY KEY NOT NULL,
	"seen_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "executions" (
	"id" text PRIMARY KEY NOT NULL,
	"job_id" text NOT NULL,
	"provider_id" text NOT NULL,
	"attempt" integer NOT NULL,
	"version" integer DEFAULT 0 NOT NULL,
	"desired" text NOT NULL,
	"stop_reason" text,
	"stop_requested_at" timestamp (3) with time zone,
	"status" text NOT NULL,
	"endpoint_host" text,
	"endpoint_port" integer,
	"endpoint_user" text,
	"exit_code" integer,
	"end_cause" text,
	"reason" text,
	"cpu_cores" integer NOT NULL,
	"memory_gb" integer NOT NULL,
	"disk_gb" integer NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"applied_at" timestamp (3) with time zone,
	"started_at" timestamp (3) with time zone,
	"expires_at" timestamp (3) with time zone,
	"unreachable_since" timestamp (3) with time zone,
	"outage_ms" bigint DEFAULT 0 NOT NULL,
	"ended_at" timestamp (3) with time zone,
	"settled" boolean DEFAULT false NOT NULL,
	"next_reconcile_at" timestamp (3) with time zone,
	"reconcile_attempts" integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "holds" (
	"id" text PRIMARY KEY NOT NULL,
	"job_id" text NOT NULL,
	"account" text NOT NULL,
	"held_cash" bigint NOT NULL,
	"held_promotion" bigint NOT NULL,
	"taken_cash" bigint DEFAULT 0 NOT NULL,
	"taken_promotion" bigint DEFAULT 0 NOT NULL,
	"released_at" timestamp (3) with time zone,
	CONSTRAINT "holds_job_id_unique" UNIQUE("job_id"),
	CONSTRAINT "holds_positive" CHECK ("holds"."held_cash" >= 0 and "holds"."held_promotion" >= 0 and "holds"."taken_cash" >= 0 and "holds"."taken_promotion" >= 0)
);
--> statement-breakpoint
CREATE TABLE "jobs" (
	"id" text PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"execution_id" text NOT NULL,
	"pinned" boolean NOT NULL,
	"anonymous" boolean NOT NULL,
	"gpu_model" text,
	"gpu_count" integer NOT NULL,
	"cpu_cores" integer NOT NULL,
	"memory_gb" integer NOT NULL,
	"disk_gb" integer NOT NULL,
	"image" text NOT NULL,
	"hours" integer NOT NULL,
	"rate" bigint NOT NULL,
	"sealed_env" text NOT NULL,
	"ssh_public_keys" jsonb NOT NULL,
	"sealed_host_key" text NOT NULL,
	"host_key_public" text NOT NULL,
	"host_key_fingerprint" text NOT NULL,
	"warned_minutes" integer,
	"reason" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	"settled_at" timestamp (3) with time zone,
	CONSTRAINT "jobs_hours" CHECK ("jobs"."hours" between 1 and 720),
	CONSTRAINT "jobs_rate" CHECK ("jobs"."rate" >= 0)
);
--> statement-breakpoint
CREATE TABLE "entries" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "entries_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"posting_id" text NOT NULL,
	"book" text NOT NULL,
	"owner" text NOT NULL,
	"funds" text NOT NULL,
	"amount" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "postings" (
	"id" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"job_id" text,
	"description" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "desired_executions" (
	"execution_id" text PRIMARY KEY NOT NULL,
	"provider_id" text NOT NULL,
	"sealed_spec" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "enrolment_tokens" (
	"token_hash" text PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"used_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "gpus" (
	"id" text PRIMARY KEY NOT NULL,
	"provider_id" text NOT NULL,
	"index" integer NOT NULL,
	"uuid" text NOT NULL,
	"model" text NOT NULL,
	"vram_mb" integer NOT NULL,
	"driver" text,
	"declared" boolean NOT NULL,
	"present" boolean DEFAULT true NOT NULL,
	"execution_id" text,
	CONSTRAINT "gpus_uuid_once" UNIQUE("provider_id","uuid")
);
--> statement-breakpoint
CREATE TABLE "listening" (
	"one" integer PRIMARY KEY NOT NULL,
	"since" timestamp (3) with time zone NOT NULL,
	"until" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "listening_one" CHECK ("listening"."one" = 1)
);
--> statement-breakpoint
CREATE TABLE "offers" (
	"provider_id" text NOT NULL,
	"gpu_model" text NOT NULL,
	"provider_name" text NOT NULL,
	"vram_mb" integer NOT NULL,
	"total_gpus" integer NOT NULL,
	"free_gpus" integer NOT NULL,
	"in_use_gpus" integer NOT NULL,
	"free_cpu_cores" integer NOT NULL,
	"free_memory_gb" integer NOT NULL,
	"free_disk_gb" integer NOT NULL,
	"region" text NOT NULL,
	"reputation" integer NOT NULL,
	"available" boolean NOT NULL,
	"admission" text NOT NULL,
	"presence" text NOT NULL,
	"offline_since" timestamp (3) with time zone,
	"declared" boolean NOT NULL,
	"sandboxed" boolean NOT NULL,
	"runtime" text NOT NULL,
	"price_per_gpu_hour" bigint NOT NULL,
	"price_per_cpu_hour" bigint NOT NULL,
	CONSTRAINT "offers_provider_id_gpu_model_pk" PRIMARY KEY("provider_id","gpu_model"),
	CONSTRAINT "offers_counts" CHECK ("offers"."free_gpus" >= 0 and "offers"."in_use_gpus" >= 0 and "offers"."free_gpus" + "offers"."in_use_gpus" <= "offers"."total_gpus")
);
--> statement-breakpoint
CREATE TABLE "provider_presence" (
	"provider_id" text PRIMARY KEY NOT NULL,
	"last_seen_at" timestamp (3) with time zone NOT NULL,
	"seq" bigint NOT NULL,
	"report" jsonb NOT NULL,
	"reported_generation" integer NOT NULL,
	"usage" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "providers" (
	"id" text PRIMARY KEY NOT NULL,
	"owner" text NOT NULL,
	"name" text NOT NULL,
	"region" text NOT NULL,
	"host" text NOT NULL,
	"public_key" text NOT NULL,
	"admission" text NOT NULL,
	"presence" text DEFAULT 'unseen' NOT NULL,
	"offline_since" timestamp (3) with time zone,
	"reputation" integer NOT NULL,
	"price_per_gpu_hour" bigint NOT NULL,
	"price_per_cpu_hour" bigint NOT NULL,
	"hostname" text NOT NULL,
	"os" text NOT NULL,
	"architecture" text NOT NULL,
	"cpu_model" text NOT NULL,
	"cpu_cores" integer NOT NULL,
	"memory_gb" integer NOT NULL,
	"disk_gb" integer NOT NULL,
	"declared" boolean NOT NULL,
	"sandboxed" boolean NOT NULL,
	"runtime" text NOT NULL,
	"agent_version" text NOT NULL,
	"generation" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "providers_name_unique" UNIQUE("name"),
	CONSTRAINT "providers_public_key_unique" UNIQUE("public_key"),
	CONSTRAINT "providers_prices_positive" CHECK ("providers"."price_per_gpu_hour" >= 0 and "providers"."price_per_cpu_hour" >= 0),
	CONSTRAINT "providers_reputation_bounds" CHECK ("providers"."reputation" between 0 and 1000)
);
--> statement-breakpoint
CREATE TABLE "reputation_events" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "reputation_events_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"provider_id" text NOT NULL,
	"delta" integer NOT NULL,
	"reason" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_account_accounts_address_fk" FOREIGN KEY ("account") REFERENCES "public"."accounts"("address") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_account_accounts_address_fk" FOREIGN KEY ("account") REFERENCES "public"."accounts"("address") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ssh_keys" ADD CONSTRAINT "ssh_keys_account_accounts_address_fk" FOREIGN KEY ("account") REFERENCES "public"."accounts"("address") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "executions" ADD CONSTRAINT "executions_job_id_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "public"."jobs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "executions" ADD CONSTRAINT "executions_provider_id_providers_id_fk" FOREIGN KEY ("provider_id") REFERENCES "public"."providers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "holds" ADD CONSTRAINT "holds_job_id_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "public"."jobs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "jobs" ADD CONSTRAINT "jobs_account_accounts_address_fk" FOREIGN KEY ("account") REFERENCES "public"."accounts"("address") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "entries" ADD CONSTRAINT "entries_posting_id_postings_id_fk" FOREIGN KEY ("posting_id") REFERENCES "public"."postings"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "desired_executions" ADD CONSTRAINT "desired_executions_provider_id_providers_id_fk" FOREIGN KEY ("provider_id") REFERENCES "public"."providers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "enrolment_tokens" ADD CONSTRAINT "enrolment_tokens_account_accounts_address_fk" FOREIGN KEY ("account") REFERENCES "public"."accounts"("address") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "gpus" ADD CONSTRAINT "gpus_provider_id_providers_id_fk" FOREIGN KEY ("provider_id") REFERENCES "public"."providers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "offers" ADD CONSTRAINT "offers_provider_id_providers_id_fk" FOREIGN KEY ("provider_id") REFERENCES "public"."providers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "provider_presence" ADD CONSTRAINT "provider_presence_provider_id_providers_id_fk" FOREIGN KEY ("provider_id") REFERENCES "public"."providers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "providers" ADD CONSTRAINT "providers_owner_accounts_address_fk" FOREIGN KEY ("owner") REFERENCES "public"."accounts"("address") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reputation_events" ADD CONSTRAINT "reputation_events_provider_id_providers_id_fk" FOREIGN KEY ("provider_id") REFERENCES "public"."providers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "api_keys_account" ON "api_keys" USING btree ("account");--> statement-breakpoint
CREATE INDEX "idempotency_age" ON "idempotency" USING btree ("created_at");--> statement-breakpoint
CREATE INDEX "nonces_expiry" ON "nonces" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "sessions_account" ON "sessions" USING btree ("account");--> statement-breakpoint
CREATE INDEX "events_subject" ON "events" USING btree ("subject","id");--> statement-breakpoint
CREATE INDEX "executions_due" ON "executions" USING btree ("next_reconcile_at") WHERE next_reconcile_at is not null;--> statement-breakpoint
CREATE INDEX "executions_job" ON "executions" USING btree ("job_id");--> statement-breakpoint
CREATE INDEX "executions_live" ON "executions" USING btree ("provider_id") WHERE status in ('scheduled','starting','running','unreachable','stopping');--> statement-breakpoint
CREATE INDEX "jobs_account" ON "jobs" USING btree ("account","id");--> statement-breakpoint
CREATE INDEX "entries_owner" ON "entries" USING btree ("owner","id");--> statement-breakpoint
CREATE INDEX "entries_posting" ON "entries" USING btree ("posting_id");--> statement-breakpoint
CREATE INDEX "postings_job" ON "postings" USING btree ("job_id");--> statement-breakpoint
CREATE INDEX "desired_executions_provider" ON "desired_executions" USING btree ("provider_id");--> statement-breakpoint
CREATE INDEX "gpus_holder" ON "gpus" USING btree ("execution_id");--> statement-breakpoint
CREATE INDEX "offers_price" ON "offers" USING btree ("gpu_model","price_per_gpu_hour","provider_id");--> statement-breakpoint
CREATE INDEX "offers_market_price" ON "offers" USING btree ((gpu_model = ''),(case when gpu_model = '' then price_per_cpu_hour else price_per_gpu_hour end),provider_id collate "C",gpu_model collate "C") WHERE admission = 'approved';--> statement-breakpoint
CREATE INDEX "offers_market_price_down" ON "offers" USING btree ((gpu_model = ''),(-(case when gpu_model = '' then price_per_cpu_hour else price_per_gpu_hour end)),provider_id collate "C",gpu_model collate "C") WHERE admission = 'approved';--> statement-breakpoint
CREATE INDEX "offers_market_reputation" ON "offers" USING btree ((gpu_model = ''),((-reputation)::bigint),provider_id collate "C",gpu_model collate "C") WHERE admission = 'approved';--> statement-breakpoint
CREATE INDEX "offers_market_vram" ON "offers" USING btree ((gpu_model = ''),((-vram_mb)::bigint),provider_id collate "C",gpu_model collate "C") WHERE admission = 'approved';--> statement-breakpoint
CREATE INDEX "offers_free" ON "offers" USING btree ("available","price_per_gpu_hour");--> statement-breakpoint
CREATE INDEX "providers_owner" ON "providers" USING btree ("owner");--> statement-breakpoint
CREATE INDEX "reputation_events_provider" ON "reputation_events" USING btree ("provider_id","at");
--> statement-breakpoint
-- The ledger and the events are append-only.
CREATE FUNCTION berth_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
--> statement-breakpoint
CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE ON entries FOR EACH ROW EXECUTE FUNCTION berth_refuse_change();
--> statement-breakpoint
CREATE TRIGGER postings_append_only BEFORE UPDATE OR DELETE ON postings FOR EACH ROW EXECUTE FUNCTION berth_refuse_change();
--> statement-breakpoint
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION berth_refuse_change();
--> statement-breakpoint
CREATE TRIGGER reputation_events_append_only BEFORE UPDATE OR DELETE ON reputation_events FOR EACH ROW EXECUTE FUNCTION berth_refuse_change();
--> statement-breakpoint
-- A posting sums to zero within each kind of funds when its transaction commits.
CREATE FUNCTION berth_posting_balanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM entries WHERE posting_id = NEW.posting_id GROUP BY funds HAVING sum(amount) <> 0) THEN
    RAISE EXCEPTION 'posting % does not sum to zero', NEW.posting_id;
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE CONSTRAINT TRIGGER entries_balanced AFTER INSERT ON entries DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION berth_posting_balanced();
--> statement-breakpoint
-- Whoever waits for a subject is woken when the event commits.
CREATE FUNCTION berth_event_notify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('berth', NEW.subject);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER events_notify AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION berth_event_notify();
