CREATE TABLE "appeals" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "appeals_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"reputation_event_id" bigint NOT NULL,
	"provider_id" text NOT NULL,
	"text" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"decision" text,
	"reply" text,
	"decided_at" timestamp (3) with time zone,
	"decided_by" text,
	CONSTRAINT "appeals_reputation_event_id_unique" UNIQUE("reputation_event_id")
);
--> statement-breakpoint
CREATE TABLE "downtimes" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "downtimes_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"provider_id" text NOT NULL,
	"started_at" timestamp (3) with time zone NOT NULL,
	"ended_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "maintenance_windows" (
	"id" text PRIMARY KEY NOT NULL,
	"provider_id" text NOT NULL,
	"starts_at" timestamp (3) with time zone NOT NULL,
	"ends_at" timestamp (3) with time zone NOT NULL,
	"reason" text NOT NULL,
	"announced_at" timestamp (3) with time zone NOT NULL,
	"closed_at" timestamp (3) with time zone,
	"cancelled" boolean DEFAULT false NOT NULL,
	CONSTRAINT "maintenance_forwards" CHECK ("maintenance_windows"."starts_at" < "maintenance_windows"."ends_at")
);
--> statement-breakpoint
CREATE TABLE "provider_nodes" (
	"provider_id" text PRIMARY KEY NOT NULL,
	"node_name" text NOT NULL,
	"token_id" text,
	"sealed_token" text,
	"token_expires_at" timestamp (3) with time zone,
	"ca_hash" text,
	"api_server" text,
	"answered_token_id" text,
	"csr_name" text,
	"node_uid" text,
	"ready" boolean,
	"ready_since" timestamp (3) with time zone,
	"allocatable_gpus" integer,
	"allocatable_cpu" integer,
	"allocatable_memory_mb" integer,
	"kubelet_version" text,
	"marks_written" text,
	"seen_at" timestamp (3) with time zone,
	"next_reconcile_at" timestamp (3) with time zone,
	"reconcile_attempts" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "provider_nodes_node_name_unique" UNIQUE("node_name")
);
--> statement-breakpoint
CREATE TABLE "provider_samples" (
	"provider_id" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"cpu_percent" real NOT NULL,
	"memory_used_mb" integer NOT NULL,
	"gpus" jsonb NOT NULL,
	CONSTRAINT "provider_samples_provider_id_at_pk" PRIMARY KEY("provider_id","at")
);
--> statement-breakpoint
CREATE TABLE "alerts" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "alerts_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"account" text NOT NULL,
	"saved_search_id" text NOT NULL,
	"message" text NOT NULL,
	"data" jsonb NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"read_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "saved_searches" (
	"id" text PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"name" text NOT NULL,
	"query" text NOT NULL,
	"alert_at_or_below" bigint,
	"alerting" boolean DEFAULT false NOT NULL,
	"matches" integer,
	"lowest_price" bigint,
	"checked_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "saved_searches_name" UNIQUE("account","name")
);
--> statement-breakpoint
DROP INDEX "providers_owner";--> statement-breakpoint
DROP INDEX "reputation_events_provider";--> statement-breakpoint
ALTER TABLE "events" ADD COLUMN "actor" text;--> statement-breakpoint
ALTER TABLE "offers" ADD COLUMN "drain" text DEFAULT 'none' NOT NULL;--> statement-breakpoint
ALTER TABLE "offers" ADD COLUMN "busy_from" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "provider_presence" ADD COLUMN "instance" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "provider_presence" ADD COLUMN "instance_before" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "providers" ADD COLUMN "external_id" text;--> statement-breakpoint
ALTER TABLE "providers" ADD COLUMN "admission_reason" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "providers" ADD COLUMN "drain" text DEFAULT 'none' NOT NULL;--> statement-breakpoint
ALTER TABLE "providers" ADD COLUMN "offline_penalised" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "providers" ADD COLUMN "addresses" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "appeals" ADD CONSTRAINT "appeals_reputation_event_id_reputation_events_id_fk" FOREIGN KEY ("reputation_event_id") REFERENCES "public"."reputation_events"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "appeals" ADD CONSTRAINT "appeals_provider_id_providers_id_fk" FOREIGN KEY ("provider_id") REFERENCES "public"."providers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "downtimes" ADD CONSTRAINT "downtimes_provider_id_providers_id_fk" FOREIGN KEY ("provider_id") REFERENCES "public"."providers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "maintenance_windows" ADD CONSTRAINT "maintenance_windows_provider_id_providers_id_fk" FOREIGN KEY ("provider_id") REFERENCES "public"."providers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "provider_nodes" ADD CONSTRAINT "provider_nodes_provider_id_providers_id_fk" FOREIGN KEY ("provider_id") REFERENCES "public"."providers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "provider_samples" ADD CONSTRAINT "provider_samples_provider_id_providers_id_fk" FOREIGN KEY ("provider_id") REFERENCES "public"."providers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_account_accounts_address_fk" FOREIGN KEY ("account") REFERENCES "public"."accounts"("address") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_saved_search_id_saved_searches_id_fk" FOREIGN KEY ("saved_search_id") REFERENCES "public"."saved_searches"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "saved_searches" ADD CONSTRAINT "saved_searches_account_accounts_address_fk" FOREIGN KEY ("account") REFERENCES "public"."accounts"("address") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "appeals_open" ON "appeals" USING btree ("id") WHERE decision is null;--> statement-breakpoint
CREATE INDEX "appeals_provider" ON "appeals" USING btree ("provider_id");--> statement-breakpoint
CREATE INDEX "downtimes_provider" ON "downtimes" USING btree ("provider_id","started_at");--> statement-breakpoint
CREATE UNIQUE INDEX "downtimes_one_open" ON "downtimes" USING btree ("provider_id") WHERE ended_at is null;--> statement-breakpoint
CREATE INDEX "maintenance_provider" ON "maintenance_windows" USING btree ("provider_id","starts_at");--> statement-breakpoint
CREATE INDEX "maintenance_open" ON "maintenance_windows" USING btree ("starts_at") WHERE closed_at is null;--> statement-breakpoint
CREATE INDEX "provider_nodes_due" ON "provider_nodes" USING btree ("next_reconcile_at") WHERE next_reconcile_at is not null;--> statement-breakpoint
CREATE INDEX "provider_samples_age" ON "provider_samples" USING btree ("at");--> statement-breakpoint
CREATE INDEX "alerts_account" ON "alerts" USING btree ("account","id");--> statement-breakpoint
CREATE INDEX "alerts_unread" ON "alerts" USING btree ("account") WHERE read_at is null;--> statement-breakpoint
CREATE INDEX "events_code" ON "events" USING btree ("code","id");--> statement-breakpoint
CREATE INDEX "events_actor" ON "events" USING btree ("id") WHERE actor is not null;--> statement-breakpoint
CREATE INDEX "providers_admission" ON "providers" USING btree ("admission","id");--> statement-breakpoint
CREATE INDEX "providers_owner" ON "providers" USING btree ("owner","id");--> statement-breakpoint
CREATE INDEX "reputation_events_provider" ON "reputation_events" USING btree ("provider_id","id");--> statement-breakpoint
ALTER TABLE "providers" ADD CONSTRAINT "providers_external_id_unique" UNIQUE("external_id");