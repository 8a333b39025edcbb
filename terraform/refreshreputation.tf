module "refreshreputation" {
  source = "./modules/function"

  project_id  = var.project_id
  region      = var.region
  build       = local.build
  entry_point = "RefreshReputation"
  description = "spend logs -> tiers, every day"

  callers         = { scheduler = local.scheduler_member }
  timeout_seconds = 1800 # as long as Cloud Scheduler waits
  instances       = { min = 0, max = 2 }
  concurrency     = 1
  memory          = "1Gi" # all wallets at once

  environment = merge(local.common_environment,
    { SPEND_LOG_BUCKET = local.spend_log_bucket, REFRESH_BUDGET = "${var.refresh_budget_seconds}s" },
    length(var.spend_log_wallet_fields) > 0 ? { SPEND_LOG_WALLET_FIELDS = join(",", var.spend_log_wallet_fields) } : {},
    length(var.spend_log_cost_fields) > 0 ? { SPEND_LOG_COST_FIELDS = join(",", var.spend_log_cost_fields) } : {},
    length(var.spend_log_failed_when) > 0 ? { SPEND_LOG_FAILED_WHEN = join(",", var.spend_log_failed_when) } : {},
  )

  depends_on = [terraform_data.build_ready]
}

resource "google_spanner_database_iam_member" "refreshreputation" {
  instance = google_spanner_instance.network.name
  database = google_spanner_database.network.name
  role     = "roles/spanner.databaseUser"
  member   = module.refreshreputation.member
}

resource "google_storage_bucket_iam_member" "refreshreputation" {
  bucket = local.spend_log_bucket
  role   = "roles/storage.objectViewer"
  member = module.refreshreputation.member
}
