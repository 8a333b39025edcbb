module "workerstatus" {
  source = "./modules/function"

  project_id  = var.project_id
  region      = var.region
  build       = local.build
  entry_point = "WorkerStatus"
  description = "shows a worker its tier, its books, and why a payout waits"

  callers         = local.everybody
  ingress         = local.public_ingress
  timeout_seconds = 30
  instances       = var.public_instances
  concurrency     = 80

  environment = merge(local.common_environment, {
    CHAIN_ID                = local.money_environment.CHAIN_ID
    PAYOUT_THRESHOLD_MICROS = local.money_environment.PAYOUT_THRESHOLD_MICROS
  })

  depends_on = [terraform_data.build_ready]
}

resource "google_spanner_database_iam_member" "workerstatus" {
  instance = google_spanner_instance.network.name
  database = google_spanner_database.network.name
  role     = "roles/spanner.databaseReader"
  member   = module.workerstatus.member
}
