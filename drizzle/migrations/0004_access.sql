CREATE TABLE "registry_logins" (
	"id" text PRIMARY KEY NOT NULL,
	"account" text NOT NULL,
	"registry" text NOT NULL,
	"username" text NOT NULL,
	"sealed_password" text NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "registry_logins_once" UNIQUE("account","registry")
);
--> statement-breakpoint
CREATE TABLE "execution_logs" (
	"execution_id" text NOT NULL,
	"start" bigint NOT NULL,
	"text" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "execution_logs_execution_id_start_pk" PRIMARY KEY("execution_id","start")
);
--> statement-breakpoint
CREATE TABLE "port_grants" (
	"hash" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"job_id" text NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "sealed_door_key" text;--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "door_key_public" text;--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "command" jsonb;--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "http_port" integer;--> statement-breakpoint
ALTER TABLE "templates" ADD COLUMN "command" jsonb;--> statement-breakpoint
ALTER TABLE "templates" ADD COLUMN "http_port" integer;--> statement-breakpoint
ALTER TABLE "registry_logins" ADD CONSTRAINT "registry_logins_account_accounts_address_fk" FOREIGN KEY ("account") REFERENCES "public"."accounts"("address") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "execution_logs" ADD CONSTRAINT "execution_logs_execution_id_executions_id_fk" FOREIGN KEY ("execution_id") REFERENCES "public"."executions"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "port_grants" ADD CONSTRAINT "port_grants_job_id_jobs_id_fk" FOREIGN KEY ("job_id") REFERENCES "public"."jobs"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "port_grants_expiry" ON "port_grants" USING btree ("expires_at");--> statement-breakpoint
ALTER TABLE "jobs" ADD CONSTRAINT "jobs_http_port" CHECK ("jobs"."http_port" between 1 and 65535);--> statement-breakpoint
ALTER TABLE "templates" ADD CONSTRAINT "templates_http_port" CHECK ("templates"."http_port" between 1 and 65535);--> statement-breakpoint
-- Behind a proxy Jupyter is called by a host that is not its own, and leaves the door to whoever keeps it: the port is its
-- owner's only. Its check of origins stays: the host that browsers name is the one it hears.
UPDATE "templates" SET "http_port" = 8888,
	"command" = '["jupyter", "lab", "--ip=127.0.0.1", "--port=8888", "--no-browser", "--allow-root", "--ServerApp.token=", "--ServerApp.password=", "--ServerApp.allow_remote_access=True"]',
	"description" = 'JupyterLab with PyTorch, started by itself and opened from the page of the rental, for you only.'
	WHERE "slug" = 'jupyter';--> statement-breakpoint
UPDATE "templates" SET "http_port" = 8000,
	"command" = '["sh", "-c", "[ -n \"${MODEL:-}\" ] || { echo \"No model is served: rent with the variable MODEL, such as MODEL=Qwen/Qwen2.5-0.5B-Instruct, or log in and start: vllm serve MODEL --host 127.0.0.1 --port 8000\"; exit 0; }; exec vllm serve \"$MODEL\" --host 127.0.0.1 --port 8000"]',
	"description" = 'Serves the language model that the variable MODEL names, as OpenAI does, at a port for you only. Without MODEL it waits for your own "vllm serve". For cards of 24 GB or more.'
	WHERE "slug" = 'vllm';
