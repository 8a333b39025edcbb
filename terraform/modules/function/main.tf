# One function: its own service account, the function, and who may call it.
# What the account may do beyond that stands in the function's own file.

locals {
  name  = lower(var.entry_point)
  email = "${google_service_account.this.account_id}@${var.project_id}.iam.gserviceaccount.com"
}

resource "google_service_account" "this" {
  account_id   = "fn-${local.name}"
  display_name = "What the function ${var.entry_point} runs as"
}

resource "google_cloudfunctions2_function" "this" {
  name        = local.name
  location    = var.region
  description = var.description

  build_config {
    runtime           = "go126"
    entry_point       = var.entry_point
    service_account   = var.build.service_account
    docker_repository = var.build.docker_repository

    # Left out are what Google's clients link for gRPC's xDS and for its tracing
    # pages, which nothing here uses, and what only other functions need
    # (functions/deployed): a process initialises all that it links at its start.
    environment_variables = { GOFLAGS = "-tags=disable_grpc_modules,grpcnotrace,one_function,${local.name}" }

    source {
      storage_source {
        bucket = var.build.bucket
        object = var.build.object
      }
    }
  }

  service_config {
    service_account_email            = local.email
    environment_variables            = var.environment
    ingress_settings                 = var.ingress
    all_traffic_on_latest_revision   = true
    timeout_seconds                  = var.timeout_seconds
    min_instance_count               = var.instances.min
    max_instance_count               = var.instances.max
    max_instance_request_concurrency = var.concurrency
    available_cpu                    = "1"
    available_memory                 = var.memory

    dynamic "secret_environment_variables" {
      for_each = var.secrets
      content {
        key        = secret_environment_variables.key
        project_id = var.project_id
        secret     = secret_environment_variables.value.secret
        version    = secret_environment_variables.value.version
      }
    }
  }

  lifecycle {
    precondition {
      condition     = length(setintersection(keys(var.environment), keys(var.secrets))) == 0
      error_message = "A variable of ${var.entry_point} is given twice, as a value and as a secret."
    }
  }
}

# A function of the second generation is a Cloud Run service of the same name,
# and calling it is a right on that service.
resource "google_cloud_run_v2_service_iam_member" "caller" {
  for_each = var.callers

  location = var.region
  name     = google_cloudfunctions2_function.this.name
  role     = "roles/run.invoker"
  member   = each.value
}

# Traces and metrics can only be granted for a whole project.
resource "google_project_iam_member" "telemetry" {
  for_each = toset(["roles/telemetry.tracesWriter", "roles/telemetry.metricsWriter"])

  project = var.project_id
  role    = each.value
  member  = "serviceAccount:${local.email}"
}
