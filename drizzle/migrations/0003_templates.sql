CREATE TABLE "templates" (
	"slug" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"image" text NOT NULL,
	"base" text,
	"env" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"min_vram_mb" integer DEFAULT 0 NOT NULL,
	"min_disk_gb" integer DEFAULT 1 NOT NULL,
	"position" integer NOT NULL,
	"retired_at" timestamp (3) with time zone,
	CONSTRAINT "templates_slug" CHECK ("templates"."slug" ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
	CONSTRAINT "templates_least" CHECK ("templates"."min_vram_mb" >= 0 and "templates"."min_disk_gb" >= 1)
);
--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "template" text;--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "min_vram_mb" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "jobs" ADD CONSTRAINT "jobs_template_templates_slug_fk" FOREIGN KEY ("template") REFERENCES "public"."templates"("slug") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
-- None of these public images has an sshd: what runs is built from them by the operator, see docs/guides/templates.md.
-- PATH is each image's own: a login over SSH does not have it from the image.
-- 22000 MB: cards that are sold with 24 GB tell their drivers 22 to 24 GiB.
INSERT INTO "templates" ("slug", "position", "name", "image", "base", "env", "min_vram_mb", "min_disk_gb", "description") VALUES
	('ubuntu-24-04', 10, 'Ubuntu 24.04', 'workspace-ubuntu:24.04', 'ubuntu:24.04', '{}', 0, 5,
		'A bare Ubuntu with apt. The driver of the machine brings nvidia-smi.'),
	('cuda-12', 20, 'CUDA 12 on Ubuntu 24.04', 'workspace-cuda:12.6.3', 'nvidia/cuda:12.6.3-devel-ubuntu24.04',
		'{"PATH": "/usr/local/nvidia/bin:/usr/local/cuda/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}', 0, 20,
		'The CUDA 12.6 toolkit with nvcc, headers and libraries.'),
	('pytorch-2', 30, 'PyTorch 2.5', 'workspace-pytorch:2.5.1', 'pytorch/pytorch:2.5.1-cuda12.4-cudnn9-devel',
		'{"PATH": "/opt/conda/bin:/usr/local/nvidia/bin:/usr/local/cuda/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}', 0, 20,
		'Python with PyTorch 2.5, CUDA 12.4 and cuDNN 9, compilers included.'),
	('jupyter', 40, 'JupyterLab', 'workspace-jupyter:cuda12', 'quay.io/jupyter/pytorch-notebook:cuda12-python-3.11.8',
		'{"PATH": "/opt/conda/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}', 0, 20,
		'JupyterLab with PyTorch. Start it with "jupyter lab --allow-root" and open it through "ssh -L 8888:127.0.0.1:8888".'),
	('vllm', 50, 'vLLM', 'workspace-vllm:0.6.6', 'vllm/vllm-openai:v0.6.6.post1',
		'{"PATH": "/usr/local/nvidia/bin:/usr/local/cuda/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}', 22000, 60,
		'Serves language models as OpenAI does. Start it with "vllm serve MODEL" and reach it through "ssh -L 8000:127.0.0.1:8000". For cards of 24 GB or more.'),
	('plain', 60, 'Plain Debian 12', 'workspace-plain:12', 'debian:12-slim', '{}', 0, 1,
		'As little as a shell needs: the smallest to pull, the first to start.');
